//! Bad files, and kills at any time, with dice.
//!
//! In: seeds. Out: a failure when a good file is lost among bad ones, or anything but a sentence comes of a bad one. Not here: the rules.

use super::super::drive::{Drive, Kept, Values};
use super::folder::{Folder, rows};
use super::{Done, SOON};
use std::time::Duration;

/// Xorshift: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("CHERGUI_LONG").is_some() { long } else { short }
}

#[tokio::test]
async fn spoiled_files_are_refused_with_a_reason_and_good_ones_are_read() {
    for seed in 1..=rounds(4, 60) {
        let mut dice = Dice((seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let folder = Folder::new();
        let (good, expected) = rows("T 1", 0..20);
        let mut count = 0;
        for number in 0..12 {
            let mut bytes = match number % 4 {
                0 => zstd_of(good.as_bytes()),
                1 => b"PAR1 and nothing else PAR1".to_vec(),
                2 => vec![0; 300],
                _ => good.clone().into_bytes(),
            };
            let at = dice.roll(bytes.len());
            match dice.roll(4) {
                0 => bytes.truncate(at),
                1 => bytes.iter_mut().skip(at).take(9).for_each(|byte| *byte ^= 0xa5),
                2 => bytes.splice(at..at, (0..64).map(|_| 0xfe)).for_each(drop),
                _ => bytes.reverse(),
            }
            let ending = ["csv.zst", "parquet", "csv", "csv.gz"][number % 4];
            folder.drop_old(&format!("{number}.{ending}"), &bytes);
            count += 1;
        }
        folder.drop_old("good.csv", good.as_bytes());
        let settings = folder.settings(Done::Move);
        let mut drive = Drive::open(&settings, &folder.points(&settings));
        let away = || folder.list("done/*/").len() + folder.list("failed/").len() - reasons(&folder);
        assert!(drive.until(SOON, |_| away() == count + 1).await, "seed {seed}: {:?}", folder.list(""));
        for (key, value) in &expected {
            assert!(drive.kept.values.contains_key(key), "seed {seed}: {key:?} {value}");
        }
        for name in folder.list("failed/").iter().filter(|name| name.ends_with(".reason.txt")) {
            assert!(folder.text(&format!("failed/{name}")).trim().len() > 20, "seed {seed}: {name}");
        }
        assert!(folder.list("failed/").contains(&"1.parquet.reason.txt".to_owned()), "seed {seed}");
    }
}

fn reasons(folder: &Folder) -> usize {
    folder.list("failed/").iter().filter(|name| name.ends_with(".reason.txt")).count()
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    // A frame of one raw block (RFC 8878, sections 3.1.1 and 3.1.1.2), so that no packer is needed here.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(&(((bytes.len() as u32) << 3) | 1).to_le_bytes()[..3]);
    out.extend(bytes);
    out
}

#[tokio::test]
async fn any_number_of_kills_at_any_time_lose_and_change_nothing() {
    let mut dice = Dice(20_260_601);
    let folder = Folder::new();
    let settings = folder.settings(Done::Move);
    let points = folder.points(&settings);
    let (mut kept, mut expected) = (Kept::default(), Values::new());
    for round in 0..rounds(20, 1000) {
        let from = (round % 100) as u32 * 40;
        let (text, more) = rows(&format!("T {}", round / 100 % 5), from..from + 12 + dice.roll(20) as u32);
        expected.extend(more);
        folder.drop_old(&format!("{round}.csv"), text.as_bytes());
        let mut drive = Drive::resume(&settings, &points, kept);
        // The call is dropped in the middle of whatever it does.
        let some_time = Duration::from_millis(dice.roll(120) as u64);
        assert!(!drive.until(some_time, |_| false).await);
        kept = if dice.roll(3) == 0 && folder.list("").len() > 1 { drive.crash_before_cursor().await } else { drive.crash() };
    }
    let mut drive = Drive::resume(&settings, &points, kept);
    assert!(drive.until((rounds(20, 1000) as u32 / 20 + 2) * SOON, |_| folder.list("") == ["done"]).await, "{:?}", folder.list(""));
    assert_eq!(drive.kept.values, expected);
    assert!(drive.kept.rejects.is_empty(), "{:?}", drive.kept.rejects);
    assert_eq!(folder.list("done/*/").len(), rounds(20, 1000));
}
