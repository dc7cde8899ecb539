//! Jobs put together into tasks, one per asset, and every way to begin each of them that nothing forbids.
//!
//! In: the problem. Out: [`Task`]s, most urgent first, and their [`Start`]s with prices, or the [`Obstacle`] why there are none.
//! Work that fits into one shift stays within one; longer work begins with a shift and takes the following ones of the same crew.

use super::ACCESS_HOURS;
use super::Crew;
use super::Expected;
use super::Problem;
use super::price::Cost;
use super::price::Price;
use super::schedule::Obstacle;

/// All work on one asset: one visit.
#[derive(Debug)]
pub(super) struct Task<'a> {
    /// Positions among the jobs, most urgent first.
    pub(super) jobs: Vec<usize>,
    pub(super) expected: &'a Expected,
    pub(super) hours: usize,
    pub(super) people: u32,
    pub(super) climbs: bool,
    pub(super) stops: bool,
    pub(super) plant: &'a str,
    /// What it costs that nobody comes.
    pub(super) never: Cost,
    pub(super) starts: Vec<Start>,
    /// Why there are no starts.
    pub(super) obstacle: Option<Obstacle>,
}

/// One way to make a visit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Start {
    pub(super) crew: usize,
    /// Slots in which the crew is at work there, rising.
    pub(super) work: Vec<usize>,
    pub(super) cost: Cost,
}

impl Start {
    pub(super) fn from(&self) -> usize {
        self.work.first().copied().unwrap_or(0)
    }

    /// First slot in which the machine is whole again.
    pub(super) fn to(&self) -> usize {
        self.work.last().map_or(0, |last| last + 1)
    }
}

impl Task<'_> {
    /// What it costs at its own best hour, whatever else there is to do.
    pub(super) fn least(&self) -> f64 {
        self.starts.iter().map(|start| start.cost.total()).fold(self.postponed(), f64::min)
    }

    /// The dearest hour it could be done at: what a visit that has to be made later is charged with.
    pub(super) fn postponed(&self) -> f64 {
        let dearest = self.starts.iter().map(|start| start.cost.production).fold(0.0, f64::max);
        // A kilowatt-hour more than any visit, so that what can be done is done.
        self.never.total() + dearest + 1.0
    }
}

/// The tasks of a problem. Jobs of assets without an expectation are worth nothing and wait for nothing: their lists are empty.
pub(super) fn tasks(problem: &Problem) -> Vec<Task<'_>> {
    let mut groups: Vec<(&Expected, Vec<usize>)> = Vec::new();
    for (index, job) in problem.jobs.iter().enumerate() {
        let same = |group: &&mut (&Expected, Vec<usize>)| problem.jobs[group.1[0]].asset_id == job.asset_id;
        if let Some(group) = groups.iter_mut().find(same) {
            group.1.push(index);
        } else if let Some((_, expected)) = problem.expected.iter().find(|(asset, _)| *asset == job.asset_id) {
            groups.push((expected, vec![index]));
        }
    }
    groups.into_iter().map(|(expected, jobs)| task(problem, expected, jobs)).collect()
}

fn task<'a>(problem: &'a Problem, expected: &'a Expected, jobs: Vec<usize>) -> Task<'a> {
    let own = || jobs.iter().map(|&job| &problem.jobs[job]);
    let price = Price::new(own().collect(), expected, problem.slots);
    let once = own().map(|job| job.hours.max(1).saturating_sub(ACCESS_HOURS)).sum::<usize>() + ACCESS_HOURS;
    let mut task = Task {
        hours: once,
        people: own().map(|job| job.people).max().unwrap_or(1),
        climbs: own().any(|job| job.climbs),
        stops: own().any(|job| job.stops),
        plant: &problem.jobs[jobs[0]].plant,
        never: price.never(),
        starts: Vec::new(),
        obstacle: None,
        expected,
        jobs,
    };
    let mut too_windy = false;
    for (crew, who) in problem.crews.iter().enumerate().filter(|(_, crew)| crew.people >= task.people) {
        for work in stretches(who, task.hours) {
            if task.climbs && work.iter().any(|&slot| expected.wind.get(slot).is_some_and(|wind| *wind > problem.wind_limit)) {
                too_windy = true;
                continue;
            }
            let cost = price.visit(work[0], work[work.len() - 1] + 1);
            task.starts.push(Start { crew, work, cost });
        }
    }
    if task.starts.is_empty() {
        let largest = problem.crews.iter().map(|crew| crew.people).max().unwrap_or(0);
        task.obstacle = Some(match () {
            () if largest < task.people => Obstacle::People { needed: task.people, largest },
            () if too_windy => Obstacle::Wind,
            () => Obstacle::Hours { needed: task.hours },
        });
    }
    task
}

/// Slots of every stretch of `hours` that a crew can work.
fn stretches(crew: &Crew, hours: usize) -> Vec<Vec<usize>> {
    let longest = crew.shifts.iter().map(|shift| shift.to - shift.from).max().unwrap_or(0);
    if hours <= longest {
        let within = |shift: &super::Shift| {
            (shift.from..(shift.to + 1).saturating_sub(hours)).map(move |from| (from..from + hours).collect())
        };
        return crew.shifts.iter().flat_map(within).collect();
    }
    let from = |first: usize| {
        let work: Vec<usize> = crew.shifts[first..].iter().flat_map(|shift| shift.from..shift.to).take(hours).collect();
        (work.len() == hours).then_some(work)
    };
    (0..crew.shifts.len()).filter_map(from).collect()
}
