//! A directory of a test, the mapping its files are read with, and rows of such files.
//!
//! In: names and bytes. Out: files with a time of long ago, as a rename into place leaves them, and what a reader must make of them.
//! Not here: reading.

use super::super::drive::Values;
use connectors::live::{Points, Protocol};
use connectors::watched::{Done, Settings};
use engine::domain::Quantities;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A vendor's CSV.
pub(super) const MAPPING: &str = r#"
name = "vendor"
kind = "wind_turbine"
resolution = "PT10M"
[format]
delimiter = ";"
decimal_comma = true
[time]
column = "Date and time"
format = "%d.%m.%Y %H:%M"
zone = "UTC"
[asset]
column = "WTG"
rename = { "T 0" = "t0", "T 1" = "t1", "T 2" = "t2", "T 3" = "t3", "T 4" = "t4" }
[[column]]
name = "Power (MW)"
quantity = "active_power"
unit = "MW"
[[column]]
name = "Wind speed (m/s)"
quantity = "wind_speed"
unit = "m/s"
invalid = [{ equals = -999.0, reason = "sentinel" }]
"#;

/// 2026-06-01T12:00:00Z in microseconds.
pub(super) const NOON: i64 = 1_780_315_200_000_000;

/// A directory, gone when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    root: tempfile::TempDir,
    pub(super) mapping: PathBuf,
}

impl Folder {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mapping = root.path().join("vendor.toml");
        std::fs::write(&mapping, MAPPING).unwrap();
        std::fs::create_dir(root.path().join("in")).unwrap();
        Self { root, mapping }
    }

    /// Quick looks, pages of ten lines.
    pub(super) fn settings(&self, done: Done) -> Settings {
        Settings {
            directory: self.path(""),
            pattern: None,
            mapping: Some(self.mapping.clone()),
            kind: None,
            resolution: "PT10M".into(),
            settle_s: 0.3,
            every_s: 0.05,
            done,
            page_rows: 10,
        }
    }

    pub(super) fn points(&self, settings: &Settings) -> Arc<Points> {
        Arc::new(settings.brings(&Quantities::standard()).unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("in").join(name)
    }

    /// Written now.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Written an hour ago, as it seems.
    pub(super) fn drop_old(&self, name: &str, bytes: &[u8]) {
        let beside = self.root.path().join("coming");
        std::fs::write(&beside, bytes).unwrap();
        let ago = SystemTime::now() - Duration::from_secs(3600);
        std::fs::File::options().write(true).open(&beside).unwrap().set_modified(ago).unwrap();
        std::fs::rename(&beside, self.path(name)).unwrap();
    }

    /// Names in a folder, sorted; `*` stands for its first folder. Nothing where there is none.
    pub(super) fn list(&self, folder: &str) -> Vec<String> {
        let names = |path: PathBuf| {
            let entries = std::fs::read_dir(path).into_iter().flatten();
            let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort_unstable();
            names
        };
        match folder.split_once('*') {
            None => names(self.path(folder)),
            Some((before, after)) => {
                let days = names(self.path(before));
                days.iter().flat_map(|day| names(self.path(&format!("{before}{day}{after}")))).collect()
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Every name with its bytes and time.
    pub(super) fn image(&self) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
        let of = |name: &String| (std::fs::read(self.path(name)).unwrap(), self.path(name).metadata().unwrap().modified().unwrap());
        self.list("").into_iter().map(|name| (name.clone(), of(&name))).collect()
    }

    /// The directory is not there for a while.
    pub(super) fn unmount(&self) {
        std::fs::rename(self.path(""), self.root.path().join("away")).unwrap();
    }

    /// It is back.
    pub(super) fn mount(&self) {
        std::fs::rename(self.root.path().join("away"), self.path("")).unwrap();
    }

    pub(super) fn root(&self) -> &std::path::Path {
        self.root.path()
    }
}

/// A file with ten-minute rows of a turbine, and the values it holds.
pub(super) fn rows(turbine: &str, numbers: std::ops::Range<u32>) -> (String, Values) {
    let mut text = "Date and time;WTG;Power (MW);Wind speed (m/s)\n".to_owned();
    let mut values = Values::new();
    for number in numbers {
        let minutes = number * 10;
        let (day, hour, minute) = (2 + minutes / 1440, minutes / 60 % 24, minutes % 60);
        text.push_str(&format!("{day:02}.06.2026 {hour:02}:{minute:02};{turbine};0,{number:04};\n"));
        let time = NOON + 43_200_000_000 + i64::from(minutes) * 60_000_000;
        // As the mapping converts it: MW to kW.
        let power = 1000.0 * format!("0.{number:04}").parse::<f64>().unwrap();
        values.insert((turbine.to_lowercase().replace(' ', ""), "active_power".into(), time), power);
    }
    (text, values)
}
