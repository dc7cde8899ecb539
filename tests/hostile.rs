//! Statements that want too much or what is not theirs: each ends in time, within memory, opens no file outside, and the
//! session answers the next question.
//!
//! `hostile/statements.sql` holds one statement a line; `hostile/families.rs` makes those that would be too long to write. The
//! whole run is done once, by this binary under `strace` when that is installed and allowed, else without; canary files lie
//! outside in both cases.

mod families;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::query::LastLine;
use engine::query::QueryError;
use engine::query::Session;
use engine::query::SessionOptions;
use engine::store::Store;
use engine::store::StoreOptions;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tikv_jemalloc_ctl::stats;

const ROWS: i64 = 120_000;
const TIMEOUT: Duration = Duration::from_secs(1);
const MEMORY: usize = 128 << 20;
/// What the process may hold beyond what it held at first: twice the pool where statements begin to be stopped, because batches under
/// way, tables of hashes while they double and plans belong to nobody, and what the last line keeps free below its cap.
const CAP: usize = 4 * MEMORY;
const AT_ONCE: usize = 4;
/// Clock ticks (hundredths of a second of one thread) that a statement may work on after its caller left: a second on two cores.
const AFTER_LEAVING: u64 = 200;
/// Names the directory of a run in a process of its own.
const TRACED: &str = "CHERGUI_HOSTILE_DIRECTORY";

/// Minutes of one turbine: `active_power` always 1, `wind_speed` ten values and a little more.
async fn fill(root: &Path) -> Store {
    let store = Store::open(StoreOptions::new(root)).await.unwrap();
    let rows = |from: i64, to: i64| {
        let times: Vec<i64> = (from..to).map(|i| 1_782_000_000_000_000 + i * 60_000_000).collect();
        let ids = vec!["T01".to_owned(); times.len()];
        let wind = (from..to).map(|i| Some((i % 1000) as f64 / 100.0)).collect();
        let values = vec![(Quantity::ACTIVE_POWER, vec![Some(1.0); times.len()]), (Quantity::WIND_SPEED, wind)];
        Readings::from_columns(AssetKind::WindTurbine, times.clone(), ids, times, values).unwrap()
    };
    store.import(rows(0, ROWS - 1000)).await.unwrap();
    store.append(rows(ROWS - 1000, ROWS)).await.unwrap();
    store
}

/// All statements; `t` stands for the table, `@outside@` for a directory that is not the store's.
fn statements(outside: &Path) -> Vec<String> {
    let lines = include_str!("hostile/statements.sql").lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
    let mut all: Vec<String> = lines.map(str::to_owned).collect();
    all.extend(families::all());
    all.iter().map(|text| named(text).replace("@outside@", &outside.display().to_string())).collect()
}

/// Puts the table's name where the word `t` stands.
fn named(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_'/.\"".contains(c));
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let table = c == 't' && !word(before) && !word(rest.peek().copied());
        match table {
            true => out.push_str("wind_turbine"),
            false => out.push(c),
        }
        before = Some(c);
    }
    out
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap_or_default() * 1024
}

/// Bytes the allocator holds for nobody.
fn returning() -> usize {
    tikv_jemalloc_ctl::epoch::advance().unwrap();
    stats::resident::read().unwrap().saturating_sub(stats::active::read().unwrap())
}

/// Clock ticks that the threads of SQL have used.
fn ticks() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let used = |thread: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(thread.ok()?.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        (name.starts_with("sql-") && name != "sql-watchdog")
            .then_some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
    };
    threads.filter_map(used).sum()
}

/// What became of one statement.
struct Outcome {
    text: String,
    answer: Result<usize, QueryError>,
    took: Duration,
}

async fn run_all(root: &Path, outside: &Path) {
    let store = fill(root).await;
    let base = resident();
    let stuck = |statement: &str| panic!("does not stop: {statement}");
    let last_line = LastLine {
        memory_limit_bytes: base + CAP,
        resident: || Some(resident()),
        returning,
        grace: Duration::from_secs(20),
        stuck: Arc::new(stuck),
    };
    let options = SessionOptions {
        memory_limit_bytes: MEMORY,
        timeout: TIMEOUT,
        max_bytes: 16 << 20,
        concurrency: AT_ONCE,
        queue: 1000,
        last_line: Some(last_line),
        ..SessionOptions::default()
    };
    let session = Session::new(store, options).unwrap();
    let statements = statements(outside);
    let (peak, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let sampler = std::thread::spawn({
        let (peak, over) = (Arc::clone(&peak), Arc::clone(&over));
        move || {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    });
    let (mut outcomes, mut worst) = (Vec::new(), (0, String::new()));
    for group in statements.chunks(AT_ONCE) {
        peak.store(0, Ordering::Relaxed);
        let each = group.iter().map(|text| {
            let session = session.clone();
            async move {
                let started = Instant::now();
                let answer = session.sql(text).await.map(|answer| answer.rows());
                Outcome { text: text.clone(), answer, took: started.elapsed() }
            }
        });
        outcomes.extend(futures::future::join_all(each).await);
        let stopping = Instant::now();
        while session.running() > 0 && stopping.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let late = stopping.elapsed();
        assert!(late < Duration::from_secs(1), "still at work {late:?} after the answers: {group:#?}");
        let grown = peak.load(Ordering::Relaxed).saturating_sub(base);
        if grown > worst.0 {
            worst = (grown, group.iter().map(|text| text.chars().take(120).collect::<String>()).collect::<Vec<_>>().join("\n    "));
        }
        let one = session.sql("SELECT 1").await.unwrap();
        assert_eq!(one.batches[0].column(0).as_primitive::<Int64Type>().value(0), 1);
    }
    over.store(true, Ordering::Relaxed);
    sampler.join().unwrap();
    outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.took));
    for outcome in &outcomes {
        let text: String = outcome.text.chars().take(110).collect();
        let said = match &outcome.answer {
            Ok(rows) => format!("{rows} rows"),
            Err(error) => error.to_string().chars().take(150).collect(),
        };
        println!("{:>5} ms | {text} | {said}", outcome.took.as_millis());
        assert!(outcome.took < TIMEOUT + Duration::from_secs(1), "{text}");
        assert!(!matches!(outcome.answer, Err(QueryError::Internal { .. })), "{text}: {said}");
    }
    let (answered, slowest) = (outcomes.iter().filter(|outcome| outcome.answer.is_ok()).count(), outcomes[0].took);
    let stopped = outcomes.iter().filter(|outcome| matches!(outcome.answer, Err(QueryError::ProcessMemory { .. }))).count();
    let (grown, most) = (worst.0 >> 20, (base + worst.0) >> 20);
    println!(
        "{} statements, {answered} answered, {stopped} stopped by the last line, slowest {slowest:?}, memory grew from {} by at most \
         {grown} to {most} MiB with:\n    {}",
        outcomes.len(),
        base >> 20,
        worst.1
    );
    assert!(outcomes.len() >= 200);
    assert!(worst.0 <= CAP, "{grown} MiB of {}", CAP >> 20);
}

fn plant(outside: &Path) {
    for name in ["canary.csv", "canary.parquet", "canary.json"] {
        std::fs::write(outside.join(name), "secret\ncanary\n").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_statements_end_in_time_within_memory_and_open_nothing() {
    if let Some(directory) = std::env::var_os(TRACED).map(PathBuf::from) {
        return run_all(&directory.join("store"), &directory.join("outside")).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let (root, outside, trace) = (directory.path().join("store"), directory.path().join("outside"), directory.path().join("trace"));
    std::fs::create_dir_all(&outside).unwrap();
    plant(&outside);
    let traces = Command::new("strace").args(["-f", "-e", "trace=openat", "true"]).output();
    let traces = traces.is_ok_and(|output| output.status.success());
    let program = std::env::current_exe().unwrap();
    let mut child = if traces { Command::new("strace") } else { Command::new(&program) };
    if traces {
        child.args(["-f", "-qq", "--seccomp-bpf", "-e", "trace=open,openat,openat2,creat", "-o"]).arg(&trace).arg(&program);
    } else {
        eprintln!("strace is not installed or not allowed: files are watched by canaries only");
    }
    child.args(["--exact", "--nocapture", "hostile::hostile_statements_end_in_time_within_memory_and_open_nothing"]);
    child.env(TRACED, directory.path()).env_remove("LD_LIBRARY_PATH");
    let output = child.output().unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if traces {
        let opened = std::fs::read_to_string(&trace).unwrap();
        let foreign: Vec<&str> = opened.lines().filter(|line| is_foreign(line, &root)).collect();
        assert!(opened.contains(root.to_str().unwrap()), "the trace sees the store's own files");
        assert!(foreign.is_empty(), "{foreign:#?}");
    }
    let mut left: Vec<_> = std::fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["canary.csv", "canary.json", "canary.parquet"]);
}

/// True for a traced opening of something that is neither the store's nor what any program opens to run.
fn is_foreign(line: &str, root: &Path) -> bool {
    let Some(path) = line.split('"').nth(1) else { return false };
    let system = ["/proc/", "/sys/", "/dev/", "/lib/", "/lib64/", "/usr/lib/", "/etc/ld.so", "/etc/localtime"];
    let library = path.rsplit('/').next().is_some_and(|name| name.contains(".so"));
    !library && !path.starts_with(root.to_str().unwrap()) && !system.iter().any(|known| path.starts_with(known))
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_go_quiet_when_the_caller_goes_away() {
    let directory = tempfile::tempdir().unwrap();
    let store = fill(directory.path()).await;
    let session = Session::new(store, SessionOptions { timeout: Duration::from_secs(600), ..SessionOptions::default() }).unwrap();
    for text in [
        "SELECT count(*) FROM t a JOIN t b ON a.active_power = b.active_power AND a.wind_speed > b.wind_speed + 1000000000",
        "SELECT count(*) FROM t a JOIN t b ON a.wind_speed < b.wind_speed - 1000000000",
        "SELECT count(*) FROM t a WHERE NOT EXISTS (SELECT 1 FROM t b WHERE a.active_power = b.active_power)",
        "SELECT count(a.active_power + b.active_power + c.active_power) FROM t a, t b, t c",
    ] {
        let text = named(text);
        let asked = tokio::time::timeout(Duration::from_millis(300), session.sql(&text)).await;
        assert!(asked.is_err(), "{text} is too quick to show anything");
        let (left, mut quiet) = (ticks(), false);
        let patience = std::time::Instant::now();
        while !quiet && patience.elapsed() < Duration::from_secs(20) {
            let before = ticks();
            tokio::time::sleep(Duration::from_millis(300)).await;
            quiet = (session.running(), ticks() - before) == (0, 0);
        }
        // Counted in work, not on the wall: other tests may hold the processors for a while.
        let used = ticks() - left;
        assert!(quiet && used <= AFTER_LEAVING, "{text} still works: {used} ticks after its caller left");
    }
    assert!(ticks() > 0, "the threads of SQL are found by their names");
}
