//! A watched directory against the ways files come: dropped whole, written slowly, cut off, spoiled, over SFTP.
//!
//! In: a directory below the system's temporary one, OpenSSH's server and `sftp`. Out: a failure when a row is lost or wrong, when a file is
//! put away too early, or when one bad file stops the others. Not here: how a CSV is read (unit tests of `connectors::file`).

mod folder;
mod sftp;
mod storms;

use super::drive::{Drive, Kept};
use connectors::live::{Phase, Points, Protocol, points_file};
use connectors::watched::Done;
use engine::domain::Quantities;
use folder::{Folder, MAPPING, rows};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn values_units_and_flags_are_those_of_the_files() {
    let folder = Folder::new();
    let head = "Date and time;WTG;Power (MW);Wind speed (m/s)\n";
    folder.drop_old("a.csv", format!("{head}01.06.2026 12:00;T 1;1,5;8,25\n01.06.2026 12:10;T 1;;-999\n").as_bytes());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let text = format!("{head}01.06.2026 12:20;T 2;99999;7\n01.06.2026 12:30;T 2;0,25;oops\nno row\n");
    std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
    folder.drop_old("b.csv.gz", &packed.finish().unwrap());
    folder.drop_old("c.csv.part", b"not yet");
    folder.drop_old(".d.csv", b"hidden");
    folder.drop_old("e.txt", b"not ours");
    let settings = folder.settings(Done::Move);
    let mut drive = Drive::open(&settings, &folder.points(&settings));
    assert!(
        drive.until(SOON, |drive| drive.kept.rejects.len() >= 2 && folder.list("done/*/").len() == 2).await,
        "{:?}",
        drive.kept
    );
    let key =
        |asset: &str, quantity: &str, minute: i64| (asset.to_owned(), quantity.to_owned(), folder::NOON + minute * 60_000_000);
    let expected = [
        (key("t1", "active_power", 0), 1500.0),
        (key("t1", "wind_speed", 0), 8.25),
        (key("t2", "active_power", 30), 250.0),
        (key("t2", "wind_speed", 20), 7.0),
    ];
    assert_eq!(drive.kept.values, expected.into());
    let flags: Vec<_> = drive.kept.flags.iter().map(|flag| (flag.0.as_str(), flag.1.as_str(), flag.4.as_str())).collect();
    let told = [("t1", "wind_speed", "sentinel"), ("t2", "active_power", "out_of_range"), ("t2", "wind_speed", "bad_number")];
    assert_eq!(flags, told);
    let rejects: Vec<_> = drive.kept.rejects.iter().map(|reject| (reject.line, reject.reason)).collect();
    assert_eq!(rejects, [(Some(3), "bad_number"), (Some(4), "ragged")]);
    assert_eq!(folder.list(""), [".d.csv", "c.csv.part", "done", "e.txt"]);
    let status = drive.link.status();
    assert_eq!((status.phase, status.connects, status.values, status.failures), (Phase::Live, 1, 4, 0));
}

#[tokio::test]
async fn files_of_our_own_form_need_no_mapping() {
    let folder = Folder::new();
    folder.drop_old("a.csv", b"time,asset_id,active_power[MW]\n2026-06-01T12:00:00Z,m1,2.5\n");
    folder.drop_old("b.csv", b"time,asset_id,active_powr\n2026-06-01T12:00:00Z,m1,2.5\n");
    let settings = connectors::watched::Settings { mapping: None, kind: Some("meter".into()), ..folder.settings(Done::Delete) };
    let mut drive = Drive::open(&settings, &folder.points(&settings));
    assert!(drive.until(SOON, |_| folder.list("") == ["failed"]).await);
    assert_eq!(drive.kept.series("m1", "active_power"), [(folder::NOON, 2500.0)]);
    assert_eq!(folder.list("failed/"), ["b.csv", "b.csv.reason.txt"]);
    let reason = folder.text("failed/b.csv.reason.txt");
    assert!(reason.contains("active_powr") && reason.contains("active_power"), "{reason}");
}

#[tokio::test]
async fn a_file_is_put_away_only_after_its_last_page_was_stored() {
    let folder = Folder::new();
    let (text, expected) = rows("T 1", 0..25);
    folder.drop_old("a.csv", text.as_bytes());
    let settings = folder.settings(Done::Move);
    let mut drive = Drive::open(&settings, &folder.points(&settings));
    // Three pages of ten lines; the third holds the rest. The file stays until the page after it is asked for.
    assert!(drive.until(SOON, |drive| drive.kept.values.len() == 25).await);
    assert_eq!(folder.list(""), ["a.csv"]);
    assert!(drive.until(SOON, |_| folder.list("") == ["done"]).await);
    assert_eq!(drive.kept.values, expected);
    assert_eq!(drive.kept.arrivals, 25, "nothing came twice");
    // The same name later, with other rows, on the same day: both are kept.
    let (text, more) = rows("T 1", 25..30);
    folder.drop_old("a.csv", text.as_bytes());
    assert!(drive.until(SOON, |_| folder.list("done/*/").len() == 2).await);
    assert_eq!(drive.kept.values.len(), expected.len() + more.len());
    assert_eq!(folder.list("done/*/"), ["2-a.csv", "a.csv"]);
}

#[tokio::test]
async fn a_file_that_grows_after_its_last_page_was_read_is_read_whole() {
    for done in [Done::Move, Done::Delete] {
        let folder = Folder::new();
        let (text, expected) = rows("T 1", 0..9);
        let short: Vec<&str> = text.split_inclusive('\n').take(6).collect();
        folder.drop_old("a.csv", short.concat().as_bytes());
        let settings = folder.settings(done);
        let mut drive = Drive::open(&settings, &folder.points(&settings));
        // One page holds it all; it is put away when the next one is asked for.
        assert!(drive.until(SOON, |drive| drive.kept.values.len() == 5).await);
        folder.write("a.csv", text.as_bytes());
        assert!(drive.until(SOON, |drive| drive.kept.values == expected).await, "{done:?}: {:?}", drive.kept.values);
        assert!(drive.until(SOON, |_| !folder.list("").contains(&"a.csv".to_owned())).await, "{done:?}");
        assert_eq!(folder.list("done/*/"), if done == Done::Move { vec!["a.csv"] } else { Vec::new() });
    }
}

#[tokio::test]
async fn a_kill_between_any_two_steps_loses_and_doubles_nothing() {
    let folder = Folder::new();
    let (first, mut expected) = rows("T 1", 0..45);
    let (second, more) = rows("T 2", 0..45);
    expected.extend(more);
    folder.drop_old("a.csv", first.as_bytes());
    folder.drop_old("b.csv", second.as_bytes());
    let settings = folder.settings(Done::Move);
    let points = folder.points(&settings);
    let mut kept = Kept::default();
    let mut doubled = 0;
    for run in 0..40 {
        let mut drive = Drive::resume(&settings, &points, std::mem::take(&mut kept));
        let held = drive.kept.values.len();
        assert!(drive.until(SOON, |drive| drive.kept.values.len() > held || folder.list("") == ["done"]).await);
        let before = drive.kept.arrivals;
        kept = if run % 3 == 2 && folder.list("") != ["done"] {
            let kept = drive.crash_before_cursor().await;
            doubled += kept.arrivals - before;
            kept
        } else {
            drive.crash()
        };
        if folder.list("") == ["done"] {
            break;
        }
    }
    assert_eq!(kept.values, expected);
    assert_eq!(folder.list("done/*/"), ["a.csv", "b.csv"]);
    // Only pages whose cursor was lost come again.
    assert!(kept.arrivals - kept.values.len() <= doubled, "{} arrivals, {doubled} may be double", kept.arrivals);
}

#[tokio::test]
async fn a_writer_that_is_killed_and_comes_back_ends_in_the_whole_file() {
    let folder = Folder::new();
    let (text, expected) = rows("T 1", 0..30);
    let settings = folder.settings(Done::Move);
    let mut drive = Drive::open(&settings, &folder.points(&settings));
    // Half a line at the end: as far as the writer came.
    folder.write("a.csv", &text.as_bytes()[..text.len() / 2]);
    assert!(drive.until(SOON, |drive| drive.kept.values.len() >= 10).await);
    // It comes back while what there is is being read, and later once more.
    folder.write("a.csv", &text.as_bytes()[..text.len() * 3 / 4]);
    assert!(drive.until(SOON, |drive| drive.kept.values.len() >= 20).await);
    folder.write("a.csv", text.as_bytes());
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await, "{:?}", drive.kept.values.len());
}

#[tokio::test]
async fn marked_files_stay_as_they_are_and_are_read_once() {
    let folder = Folder::new();
    let mut expected = std::collections::BTreeMap::new();
    for number in 0..5 {
        let (text, more) = rows(&format!("T {number}"), 0..5);
        folder.drop_old(&format!("{number}.csv"), text.as_bytes());
        expected.extend(more);
    }
    folder.drop_old("9.csv", b"\xff\xfeno text");
    let before = folder.image();
    let settings = folder.settings(Done::Mark);
    let points = folder.points(&settings);
    let mut drive = Drive::open(&settings, &points);
    assert!(drive.until(SOON, |drive| drive.kept.values == expected && drive.kept.rejects.len() == 1).await);
    let drive = Drive::resume(&settings, &points, drive.close().await);
    let mut drive = drive;
    // A file that comes after the restart is read, the others are not.
    let (text, more) = rows("T 1", 7..9);
    folder.drop_old("7.csv", text.as_bytes());
    expected.extend(more);
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await);
    assert_eq!(drive.kept.arrivals, 27, "each row once");
    std::fs::remove_file(folder.path("7.csv")).unwrap();
    assert_eq!(folder.image(), before, "nothing was written, moved or removed");
}

#[tokio::test]
async fn a_directory_that_goes_away_is_waited_for() {
    let folder = Folder::new();
    let settings = folder.settings(Done::Move);
    let (text, expected) = rows("T 1", 0..30);
    folder.drop_old("a.csv", text.as_bytes());
    let mut drive = Drive::open(&settings, &folder.points(&settings));
    assert!(drive.until(SOON, |drive| !drive.kept.values.is_empty()).await);
    folder.unmount();
    assert!(drive.until(SOON, |drive| drive.link.status().phase == Phase::Waiting).await);
    let told = drive.link.status().last_error.unwrap();
    assert!(told.contains("mount its disk"), "{told}");
    folder.mount();
    assert!(drive.until(SOON, |drive| drive.kept.values == expected && drive.link.status().phase == Phase::Live).await);
}

#[tokio::test]
async fn what_cannot_be_put_away_is_told_and_the_others_go_on() {
    let folder = Folder::new();
    let (text, mut expected) = rows("T 1", 0..5);
    folder.drop_old("a.csv", text.as_bytes());
    // A file where the folder should be, as a full or broken disk would refuse it.
    std::fs::write(folder.path("done"), "in the way").unwrap();
    let settings = folder.settings(Done::Move);
    let points = folder.points(&settings);
    let mut drive = Drive::open(&settings, &points);
    let is_told = |drive: &Drive| drive.link.status().last_error.is_some_and(|error| error.contains("cannot be put away"));
    assert!(drive.until(SOON, is_told).await);
    let (text, more) = rows("T 2", 0..5);
    folder.drop_old("b.csv", text.as_bytes());
    expected.extend(more);
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await);
    assert_eq!(drive.kept.arrivals, 10, "a file that stays is not read again");
    std::fs::remove_file(folder.path("done")).unwrap();
    let mut drive = Drive::resume(&settings, &points, drive.crash());
    assert!(drive.until(SOON, |_| folder.list("done/*/") == ["a.csv", "b.csv"]).await);
    assert_eq!(drive.kept.arrivals, 10);
}

#[tokio::test]
async fn probe_and_discover_say_what_is_there_and_wrong_settings_what_to_do() {
    let folder = Folder::new();
    let settings = folder.settings(Done::Move);
    let points = folder.points(&settings);
    let link = connectors::live::Link::new("files", engine::domain::Timestamp::now);
    assert_eq!(settings.probe(&points, &link).await.unwrap().says, "no file waits");
    let error = settings.discover(&link, &|_| {}).await.unwrap_err().to_string();
    assert!(error.contains("drop one"), "{error}");
    folder.drop_old("a.csv", rows("T 1", 0..3).0.as_bytes());
    let says = settings.probe(&points, &link).await.unwrap().says;
    assert!(says.starts_with("1 files wait; the newest, a.csv of 20"), "{says}");
    let found = settings.discover(&link, &|_| {}).await.unwrap();
    assert_eq!((found[2].name.as_str(), found[2].unit.as_deref()), ("Power", Some("MW")));
    let read = Points::parse(&points_file(&settings.peer(), &found), "found.toml", &Quantities::standard()).unwrap();
    assert_eq!(read.points().len(), 2);
    let missing = connectors::watched::Settings { directory: folder.path("nowhere"), ..settings.clone() };
    let error = missing.probe(&points, &link).await.unwrap_err().to_string();
    assert!(error.contains("make the directory"), "{error}");
    folder.drop_old("b.csv", b"other;columns\n1;2\n");
    let error = settings.probe(&points, &link).await.unwrap_err().to_string();
    assert!(error.contains("Date and time"), "{error}");
    let slips = [
        ("mapping = \"vendor.toml\"", "", "give mapping"),
        ("settle_s = 0.3", "settle_s = -1.0", "settle_s"),
        ("pattern = \"*.csv*\"", "pattern = \"a/b\"", "for names"),
    ];
    let text = "directory = \"d\"\nmapping = \"vendor.toml\"\npattern = \"*.csv*\"\nsettle_s = 0.3\n";
    for (from, to, remedy) in slips {
        let settings: connectors::watched::Settings = toml::from_str(&text.replacen(from, to, 1)).unwrap();
        let error = settings.check(&Points::default()).unwrap_err().to_string();
        assert!(error.contains(remedy), "{to}: {error}");
    }
    let unknown = toml::from_str::<connectors::watched::Settings>("directory = \"d\"\nsettle = 3").unwrap_err().to_string();
    assert!(unknown.contains("settle_s"), "{unknown}");
    let misspelt = MAPPING.replace("active_power", "activ_power");
    std::fs::write(&folder.mapping, misspelt).unwrap();
    let error = settings.brings(&Quantities::standard()).unwrap_err().to_string();
    assert!(error.contains("active_power"), "{error}");
}
