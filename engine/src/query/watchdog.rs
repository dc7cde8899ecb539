//! The last line: what happens when a statement stops the other limits from working.
//!
//! In: the running statements, the memory of the process, the time that has passed. Out: a verdict, and what follows from it. A
//! thread of its own asks two hundred times a second while statements run, so that it also runs when all threads of the SQL engine
//! are busy. Memory is what the process holds, because not all that operators hold is counted: batches under way belong to nobody.

use super::watch::Stop;
use super::watch::Watch;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// How often the watchdog looks while statements run. Both cores can fill some 10 MB in that time.
const EVERY: Duration = Duration::from_millis(5);
/// How far below the cap statements begin to be stopped: what is made between two looks and until a statement has stopped, and
/// what the allocator has yet to give back.
const HEADROOM: usize = 256 << 20;
/// How long a statement waits at most for the memory that those before it let go of.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);
/// How often it looks whether any runs.
const IDLE: Duration = Duration::from_millis(50);

/// What to do when nothing else helps.
#[derive(Clone)]
pub struct LastLine {
    /// Memory the whole process may hold, bytes; 0: no limit. From 256 MiB below it on, but not below its half, running statements
    /// are stopped, the greediest first.
    pub memory_limit_bytes: usize,
    /// Memory the process holds now, bytes; `None` when that cannot be told.
    pub resident: fn() -> Option<usize>,
    /// What of it the allocator is about to give back, bytes; asked only where statements would be stopped.
    pub returning: fn() -> usize,
    /// How long after its deadline a statement may still be at work.
    pub grace: Duration,
    /// Called with the text of a statement that is at work longer than that, once for each: log it and end the process. What was
    /// acknowledged is in the log of the store, so nothing is lost.
    pub stuck: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for LastLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastLine")
            .field("memory_limit_bytes", &self.memory_limit_bytes)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

impl LastLine {
    /// Memory from which on statements are stopped, bytes.
    fn stops_at(&self) -> usize {
        self.memory_limit_bytes - HEADROOM.min(self.memory_limit_bytes / 2)
    }
}

/// The statements that run; entries of those that are over are forgotten.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<Vec<Weak<Watch>>>);

impl Running {
    pub(super) fn add(&self, watch: &Arc<Watch>) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|watch| watch.strong_count() > 0);
        running.push(Arc::downgrade(watch));
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|watch| watch.strong_count() > 0).count()
    }

    fn list(&self) -> Vec<Arc<Watch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }
}

/// What the watchdog makes of a moment.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// Too much memory: this statement (its place in the list) stops.
    Stop(usize),
    /// This statement (its place in the list) does not stop.
    Stuck(usize),
}

/// A running statement at one moment.
#[derive(Debug, Clone, Copy)]
struct Seen {
    deadline: Instant,
    /// Bytes its operators say they hold.
    reserved: usize,
    /// It was told to stop.
    told: bool,
}

impl Seen {
    fn of(watch: &Watch) -> Self {
        let reserved = watch.reserved().load(Ordering::Relaxed);
        Self { deadline: watch.deadline(), reserved, told: watch.stopped().is_some() }
    }
}

/// Judges a moment: the running statements, the memory of the process. Of those that were not told yet the one that reserved most
/// must stop, the youngest of equals; if that is not enough, the next moment finds the next.
fn judge(now: Instant, statements: &[Seen], resident: Option<usize>, line: &LastLine) -> Verdict {
    if let Some(stuck) = statements.iter().position(|seen| now.saturating_duration_since(seen.deadline) > line.grace) {
        return Verdict::Stuck(stuck);
    }
    if line.memory_limit_bytes == 0 || resident.is_none_or(|bytes| bytes <= line.stops_at()) {
        return Verdict::Fine;
    }
    let left = statements.iter().enumerate().filter(|(_, seen)| !seen.told);
    let greediest = left.max_by_key(|(_, seen)| (seen.reserved, seen.deadline));
    greediest.map_or(Verdict::Fine, |(at, _)| Verdict::Stop(at))
}

/// Memory the process holds, without what is on its way back where that makes a difference, but never more than half the room below
/// the cap: what has not been given back counts when the cap is near.
fn held(line: &LastLine) -> Option<usize> {
    let (resident, from) = ((line.resident)()?, line.stops_at());
    let most = (line.memory_limit_bytes - from) / 2;
    Some(if resident > from { resident.saturating_sub((line.returning)().min(most)) } else { resident })
}

/// Waits until so little memory is held that a statement that begins now would not be stopped for what those before it held, which the
/// allocator gives back a little later than it is let go of.
pub(super) async fn settled(line: &LastLine) {
    let is_short = || line.memory_limit_bytes > 0 && held(line).is_some_and(|bytes| bytes > line.stops_at());
    let wait = async {
        while is_short() {
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::time::timeout(SETTLES_WITHIN, wait).await.ok();
}

/// Starts the thread; it ends soon after the session.
pub(super) fn start(running: &Arc<Running>, line: LastLine) -> std::io::Result<()> {
    let running = Arc::downgrade(running);
    let watch = move || {
        let mut told: Vec<Weak<Watch>> = Vec::new();
        while let Some(running) = running.upgrade() {
            told.retain(|watch| watch.strong_count() > 0);
            let mut statements = running.list();
            statements.retain(|watch| !told.iter().any(|told| std::ptr::eq(told.as_ptr(), Arc::as_ptr(watch))));
            let seen: Vec<Seen> = statements.iter().map(|watch| Seen::of(watch)).collect();
            let idle = statements.is_empty();
            let resident = if idle { None } else { held(&line) };
            match judge(Instant::now(), &seen, resident, &line) {
                Verdict::Fine => {}
                Verdict::Stop(at) => {
                    if let Some(watch) = statements.get(at) {
                        let reserved = watch.reserved().load(Ordering::Relaxed);
                        let (limit, statement) = (line.memory_limit_bytes, watch.text());
                        tracing::warn!(resident, limit, reserved, statement, "too much memory: stopping the greediest statement");
                        watch.stop(Stop::ProcessMemory);
                    }
                }
                Verdict::Stuck(at) => {
                    if let Some(watch) = statements.get(at) {
                        (line.stuck)(&watch.text());
                        told.push(Arc::downgrade(watch));
                    }
                }
            }
            drop((statements, running));
            std::thread::sleep(if idle { IDLE } else { EVERY });
        }
    };
    std::thread::Builder::new().name("sql-watchdog".to_owned()).spawn(watch).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::Duration;
    use super::Instant;
    use super::LastLine;
    use super::Ordering;
    use super::Running;
    use super::Seen;
    use super::Verdict;
    use super::held;
    use super::judge;
    use super::settled;
    use super::start;
    use crate::query::watch::Stop;
    use crate::query::watch::Watch;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    fn line(stuck: impl Fn(&str) + Send + Sync + 'static) -> LastLine {
        LastLine {
            memory_limit_bytes: 200,
            resident: || Some(111),
            returning: || 10,
            grace: Duration::from_secs(5),
            stuck: Arc::new(stuck),
        }
    }

    #[test]
    fn memory_stops_the_greediest_and_time_finds_the_stuck_one() {
        let (start, line) = (Instant::now(), line(|_| {}));
        let now = start + Duration::from_secs(20);
        let seen = |deadline, reserved| Seen { deadline, reserved, told: false };
        let (late, young) = (seen(now - Duration::from_secs(4), 10), seen(now + Duration::from_secs(1), 10));
        let (old, large) = (seen(start, 10), seen(now, 20));
        let told = |seen| Seen { told: true, ..seen };
        assert_eq!(judge(now, &[late, young], Some(100), &line), Verdict::Fine);
        assert_eq!(judge(now, &[late, large, young], Some(101), &line), Verdict::Stop(1));
        assert_eq!(judge(now, &[late, told(large), young], Some(101), &line), Verdict::Stop(2), "the youngest of equals");
        assert_eq!(judge(now, &[told(late), told(large)], Some(101), &line), Verdict::Fine, "they are stopping");
        assert_eq!(judge(now, &[young, old], Some(101), &line), Verdict::Stuck(1));
        assert_eq!(judge(now, &[], Some(101), &line), Verdict::Fine);
        assert_eq!(judge(now, &[young], None, &line), Verdict::Fine);
        assert_eq!(judge(now, &[young], Some(101), &LastLine { memory_limit_bytes: 0, ..line }), Verdict::Fine);
    }

    #[test]
    fn statements_are_stopped_before_the_cap_is_reached() {
        let capped = |memory_limit_bytes| LastLine { memory_limit_bytes, ..line(|_| {}) }.stops_at();
        assert_eq!((capped(4096 << 20), capped(400 << 20), capped(0)), (3840 << 20, 200 << 20, 0));
    }

    #[tokio::test]
    async fn a_statement_waits_for_what_those_before_it_held_but_not_for_ever() {
        static LOOKS: AtomicUsize = AtomicUsize::new(0);
        let full_for_three: fn() -> Option<usize> = || Some(if LOOKS.fetch_add(1, Ordering::Relaxed) < 3 { 150 } else { 90 });
        let full: fn() -> Option<usize> = || Some(150 + LOOKS.fetch_add(1, Ordering::Relaxed));
        let empty: fn() -> Option<usize> = || Some(LOOKS.fetch_add(1, Ordering::Relaxed));
        let looks = async |memory_limit_bytes, resident| {
            LOOKS.store(0, Ordering::Relaxed);
            settled(&LastLine { memory_limit_bytes, resident, ..line(|_| {}) }).await;
            LOOKS.load(Ordering::Relaxed)
        };
        assert_eq!(looks(200, empty).await, 1, "nothing is held");
        assert_eq!(looks(0, full).await, 0, "there is no limit");
        assert_eq!(looks(200, full_for_three).await, 4, "it begins when enough was given back");
        assert!(looks(200, full).await > 1, "then it takes its chance");
    }

    #[test]
    fn memory_on_its_way_back_does_not_count() {
        let line = line(|_| {});
        assert_eq!(held(&line), Some(101));
        assert_eq!(held(&LastLine { returning: || 20, ..line.clone() }), Some(91));
        assert_eq!(held(&LastLine { returning: || 111, ..line.clone() }), Some(61), "near the cap it does");
        assert_eq!(held(&LastLine { resident: || Some(100), ..line.clone() }), Some(100), "below the limit nobody asks");
        assert_eq!(held(&LastLine { resident: || None, ..line }), None);
    }

    #[test]
    fn the_thread_acts_on_both() {
        let (send, hear) = mpsc::channel();
        let running = Arc::new(Running::default());
        start(&running, line(move |text| send.send(text.to_owned()).unwrap())).unwrap();
        let greedy = Arc::new(Watch::new("SELECT 1", Instant::now() + Duration::from_secs(600), None));
        running.add(&greedy);
        while greedy.stopped().is_none() {
            std::thread::yield_now();
        }
        assert_eq!(greedy.stopped(), Some(Stop::ProcessMemory));
        let Some(long_ago) = Instant::now().checked_sub(Duration::from_secs(6)) else { return };
        let stuck = Arc::new(Watch::new("SELECT forever", long_ago, None));
        running.add(&stuck);
        assert_eq!(hear.recv().unwrap(), "SELECT forever");
        assert!(hear.recv_timeout(Duration::from_millis(200)).is_err(), "a statement is told once");
    }
}
