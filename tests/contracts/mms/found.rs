//! What a newcomer does: look who is there, have a points file written, use it; and what slips are told.
//!
//! In: the controller of `mms.rs`. Out: a failure when a file does not read back, values do not come or an error has no remedy.

use super::super::drive::{Drive, points};
use super::super::peer::free_port;
use super::{BUFFERED, LIMIT, SECOND, T, controller, plant, set, settings};
use connectors::live::{Link, Protocol, points_file};
use engine::domain::Timestamp;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discovered_can_be_opened() {
    let port = free_port();
    let Some(mut peer) = controller(port) else { return };
    set(&mut peer, "WTUR1.W", 1234.5, 1, 0, "");
    let link = Link::new("mms", Timestamp::now);
    let found = settings(port, "").discover(&link, &|_| ()).await.unwrap();
    let text = points_file(&settings(port, "").peer(), &found);
    for part in [
        "address = \"WINDWTG01/WTUR1.W.mag.f[MX]\"",
        "quantity = \"active_power\"",
        "quantity = \"rotor_speed\"",
        "quantity = \"generator_speed\"",
        "quantity = \"wind_speed\"",
        "quantity = \"turbine_status\"",
        "kind = \"wind_turbine\"",
        "event = \"GGIO1.Ind1\"",
        "WINDWTG01/LLN0$BR$brcbA01",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let plant = points(&text);
    let asset = plant.assets()[0].id.to_string();
    let mut drive = Drive::open(&settings(port, BUFFERED), &plant);
    let has = |drive: &Drive| !drive.kept.series(&asset, "active_power").is_empty();
    assert!(drive.until(LIMIT, has).await, "{:?}", drive.link.status());
    let values = drive.kept.series(&asset, "active_power");
    let last = values.iter().find(|(time, _)| *time == T + SECOND).map(|(_, value)| *value);
    assert!(last.is_some_and(|value| (value - 1234.5).abs() < 1e-9 || (value - 1.2345).abs() < 1e-9), "{values:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_who_is_there() {
    let port = free_port();
    let Some(_peer) = controller(port) else { return };
    let link = Link::new("mms", Timestamp::now);
    let probe = settings(port, BUFFERED).probe(&plant(), &link).await.unwrap();
    assert_eq!(probe.peer, "Test works Turbine controller 1.0");
    assert!(probe.says.contains("7 points read, 7 of them good"), "{}", probe.says);
    assert!(probe.says.contains("WINDWTG01/LLN0$BR$brcbA01 (8 members, 7 points, free)"), "{}", probe.says);
}

#[tokio::test(flavor = "multi_thread")]
async fn slips_are_told_with_the_remedy() {
    let port = free_port();
    let Some(_peer) = controller(port) else { return };
    let link = Link::new("mms", Timestamp::now);
    let absent = settings(free_port(), "").probe(&plant(), &link).await.unwrap_err().to_string();
    assert!(absent.contains("host and port"), "{absent}");
    let block = settings(port, "reports = [\"WINDWTG01/LLN0$BR$nope01\"]").probe(&plant(), &link).await.unwrap_err().to_string();
    assert!(block.contains("nope01") && block.contains("chergui discover"), "{block}");
    let named = settings(port, "reports = [\"brcbA01\"]").check(&plant()).unwrap_err().to_string();
    assert!(named.contains("WTG1LD0/LLN0$BR$brcbA01"), "{named}");
    let one = |address: &str| {
        points(&format!(
            "[[assets]]\nid = \"t01\"\nkind = \"wind_turbine\"\n[[points]]\naddress = \"{address}\"\nasset = \"t01\"\nquantity = \"active_power\"\n"
        ))
    };
    for (address, remedy) in
        [("WINDWTG01/WTUR1.W.mag.f", "[MX]"), ("WINDWTG01/WTUR1.W.mag.f[CO]", "[ST]"), ("WTUR1.W.mag.f[MX]", "logical device")]
    {
        let error = settings(port, "").check(&one(address)).unwrap_err().to_string();
        assert!(error.contains(remedy) && error.contains("point 1"), "{address}: {error}");
    }
    for (address, remedy) in [
        ("WINDWTG01/WTUR1.Wx.mag.f[MX]", "chergui discover"),
        ("WINDWTG01/WTUR1.W.mag.i[MX]", "it has f"),
        ("WINDWTG01/WTUR1.W[MX]", "mag.f, q, t"),
    ] {
        let error = settings(port, "").probe(&one(address), &link).await.unwrap_err().to_string();
        assert!(error.contains(remedy) && error.contains("t01"), "{address}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_block_in_use_is_told_and_taken_when_free() {
    let port = free_port();
    let Some(_peer) = controller(port) else { return };
    let mut first = Drive::open(&settings(port, BUFFERED), &plant());
    assert!(first.until(LIMIT, |drive| !drive.kept.values.is_empty()).await);
    let mut second = Drive::open(&settings(port, BUFFERED), &plant());
    assert!(second.until(LIMIT, |drive| drive.link.status().failures > 0).await);
    let error = second.link.status().last_error.unwrap_or_default();
    assert!(error.contains("brcbA01") && error.contains("instance of its own"), "{error}");
    first.close().await;
    assert!(second.until(LIMIT, |drive| !drive.kept.values.is_empty()).await, "{:?}", second.link.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_address_does_not_stop_the_others() {
    let port = free_port();
    let Some(_peer) = controller(port) else { return };
    let text = "[[assets]]\nid = \"t01\"\nkind = \"wind_turbine\"\n\
        [[points]]\naddress = \"WINDWTG01/WTUR1.W.mag.f[MX]\"\nasset = \"t01\"\nquantity = \"active_power\"\n\
        [[points]]\naddress = \"WINDWTG01/WTUR1.Wx.mag.f[MX]\"\nasset = \"t01\"\nquantity = \"available_power\"\n";
    let mut drive = Drive::open(&settings(port, BUFFERED), &points(text));
    assert!(drive.until(LIMIT, |drive| !drive.kept.values.is_empty()).await, "{:?}", drive.link.status());
    let reject = &drive.kept.rejects[0];
    assert_eq!((reject.reason, drive.kept.rejects.len()), ("unknown_address", 1));
    assert!(reject.detail.contains("Wx") && reject.detail.contains("t01"), "{}", reject.detail);
}
