//! Windows, values and times as JSON writes them, settings: without a server.

use super::leaf;
use super::rounds::{Lengths, Rounds, Window};
use super::*;
use engine::domain::Quantities;
use serde_json::json;

const S: i64 = 1_000_000;

fn settings(text: &str) -> Settings {
    toml::from_str(text).unwrap()
}

const JSON: &str = "url = \"http://h/x?from={from}&to={to}\"\nshape = \"json\"\n";

#[test]
fn windows_go_through_history_and_then_look_back_further_now_and_then() {
    let lengths = Lengths::new(&settings(&format!("{JSON}window_s = 100\noverlap_s = 10\nlate_s = 100\n")));
    let mut rounds = Rounds::new(1000 * S);
    let now = 1250 * S;
    let mut asked = Vec::new();
    loop {
        let window = rounds.next(now, lengths);
        asked.push((window.from / S, window.to / S));
        if rounds.ended(window, now) {
            break;
        }
    }
    assert_eq!(asked, [(990, 1090), (1090, 1190), (1190, 1250)]);
    // Polls every 10 s: 10, 10, 10, then 40, and after 16 polls 100, but no more.
    let mut backs = Vec::new();
    for poll in 1..=17 {
        let now = now + poll * 10 * S;
        let window = rounds.next(now, lengths);
        backs.push((now - 10 * S - window.from) / S);
        let mut window = window;
        while !rounds.ended(window, now) {
            window = rounds.next(now, lengths);
        }
    }
    assert_eq!(backs, [10, 10, 10, 40, 10, 10, 10, 40, 10, 10, 10, 40, 10, 10, 10, 100, 10]);
    // A cursor in the middle of a look back goes on there.
    let window = Window { from: 0, to: 100 * S };
    assert!(!rounds.ended(window, 2000 * S));
    let read = Rounds::read(&rounds.cursor(), "p").unwrap();
    assert_eq!((read.next(2000 * S, lengths).from, &read), (100 * S, &rounds));
    assert!(Rounds::read(&engine::source::Cursor("5".into()), "p").unwrap_err().to_string().contains("remove it"));
    // A clock that was put back asks for nothing odd.
    let window = rounds.next(50 * S, lengths);
    assert!(window.from <= window.to, "{window:?}");
}

#[test]
fn times_and_values_are_read_as_they_are_written() {
    let noon = 1_780_315_200 * S;
    let cases = [
        (json!("2026-06-01T12:00:00Z"), 0, Some(noon)),
        (json!("2026-06-01T12:00:00.1234567Z"), 0, Some(noon + 123_456)),
        (json!("2026-06-01T14:00:00+02:00"), 0, Some(noon)),
        (json!("2026-06-01T13:00"), 3600, Some(noon)),
        (json!(1_780_315_200), 0, Some(noon)),
        (json!(1_780_315_200.5), 0, Some(noon + 500_000)),
        (json!(1_780_315_200_000_i64), 0, Some(noon)),
        (json!(1_780_315_200_000_000_i64), 0, Some(noon)),
        (json!("yesterday"), 0, None),
        (json!(1e300), 0, None),
        (json!(null), 0, None),
    ];
    for (value, offset, expected) in cases {
        assert_eq!(leaf::time(&value, offset), expected, "{value}");
    }
    let values =
        [(json!(1.5), Some(1.5)), (json!(" 2 "), Some(2.0)), (json!(true), Some(1.0)), (json!("NaN"), None), (json!([1]), None)];
    for (value, expected) in values {
        assert_eq!(leaf::number(&value), expected, "{value}");
    }
    assert_eq!(leaf::word("I/O Timeout"), "i_o_timeout");
    assert_eq!(leaf::word("…"), "no_value");
}

#[test]
fn slips_in_settings_and_points_are_refused_with_the_remedy() {
    let points = |address: &str, more: &str| {
        let text = format!(
            "[[assets]]\nid = \"t\"\nkind = \"meter\"\n[[points]]\naddress = '{address}'\nasset = \"t\"\nquantity = \"active_power\"\n{more}"
        );
        Points::parse(&text, "p.toml", &Quantities::standard()).unwrap()
    };
    let good = points("/p", "");
    assert!(settings(JSON).check(&good).is_ok());
    let slips = [
        ("http://h", "ftp://h", "not HTTP"),
        ("http://h", "http://u:p@h", "password = "),
        ("&to={to}", "", "write both"),
        ("{from}", "{device}{from}", "device is missing"),
        ("shape = ", "every_s = 0.0\nshape = ", "every_s"),
        ("shape = ", "overlap_s = 0\nshape = ", "overlap_s"),
        ("shape = ", "token = \"a\"\nuser = \"b\"\npassword = \"c\"\nshape = ", "or none"),
        ("shape = ", "user = \"b\"\nshape = ", "or none"),
        ("shape = ", "rows = \"data\"\nshape = ", "/data/items"),
        ("shape = ", "headers = { \"X Y\" = \"1\" }\nshape = ", "X Y"),
        ("\"json\"", "\"pi_web_api\"", "root of PI"),
    ];
    for (from, to, remedy) in slips {
        let error = settings(&JSON.replacen(from, to, 1)).check(&good).unwrap_err().to_string();
        assert!(error.contains(remedy) && !error.contains("u:p"), "{to}: {error}");
    }
    let error = settings(JSON).check(&points("p", "")).unwrap_err().to_string();
    assert!(error.contains("a pointer"), "{error}");
    let error = settings(JSON).check(&points("/p", "whn = 3\n")).unwrap_err().to_string();
    assert!(error.contains("whn"), "{error}");
    let pi = settings("url = \"https://pi/piwebapi\"\nshape = \"pi_web_api\"\n");
    assert!(pi.check(&points(r"\\SRV\T1.Power", "")).is_ok() && pi.check(&points("F1DP-abc_1", "")).is_ok());
    let error = pi.check(&points("/p", "")).unwrap_err().to_string();
    assert!(error.contains("WebId"), "{error}");
    let shown = format!("{:?}", settings(&format!("{JSON}token = \"hush\"\n")));
    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(settings("url = \"https://pi:444/piwebapi?k=1\"\nshape = \"pi_web_api\"\n").peer(), "https://pi:444");
}
