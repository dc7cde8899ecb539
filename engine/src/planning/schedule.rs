//! The plan and the schedule it is compared with, as people read them.
//!
//! In: a [`Problem`]. Out: [`Plan`]: visits with their prices, what is left out and why, how good the solution is.

use super::Cost;
use super::Effort;
use super::Problem;
use super::baseline::as_soon_as_possible;
use super::baseline::cheapest;
use super::solve::solve;
use super::solve::total;
use super::starts::Task;
use super::starts::tasks;
use std::ops::Range;

/// A visit of a crew to an asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    /// Positions among the jobs it does, most urgent first.
    pub jobs: Vec<usize>,
    /// Position among the crews.
    pub crew: usize,
    /// First slot of work.
    pub start: usize,
    /// First slot after the work; nights between two shifts of long work count.
    pub end: usize,
    /// Slots in which the crew is at work, rising.
    pub work: Vec<usize>,
    /// People it takes.
    pub people: u32,
    /// The machine stands meanwhile.
    pub stops: bool,
    /// Its price.
    pub cost: Cost,
    /// The first hour at which it could begin if nothing else were to do, and its price then.
    pub first: (usize, Cost),
    /// How the wind stands to the limit.
    pub wind: Wind,
    /// Hours of it, nights included, in which the machine is out of service anyhow.
    pub outage_hours: usize,
    /// Hours of it, nights included, that no forecast covers: what the hour usually gives stands in.
    pub usual_hours: usize,
}

/// How the wind stands to the limit during a visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wind {
    /// Nobody climbs.
    NotAsked,
    /// The largest wind speed expected at work, m/s; in `unknown` hours nobody knows it.
    Within {
        /// m/s.
        most: f64,
        /// Hours of work without a forecast of wind.
        unknown: usize,
    },
    /// There is no forecast of wind: the crew must look before it climbs.
    Unknown,
}

/// Why work is not in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// No crew is large enough.
    People {
        /// People it takes.
        needed: u32,
        /// People of the largest crew.
        largest: u32,
    },
    /// Above the limit whenever somebody could climb.
    Wind,
    /// The crews work too few hours within the plan.
    Hours {
        /// Hours of work.
        needed: usize,
    },
    /// The crews are elsewhere, where more is at stake.
    Crews,
}

/// Work that is not in a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Position among the jobs.
    pub job: usize,
    /// Why.
    pub why: Obstacle,
}

/// Visits and what they cost together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schedule {
    /// By start, then crew.
    pub visits: Vec<Visit>,
    /// Most urgent first.
    pub left_out: Vec<LeftOut>,
    /// Of the visits, of waiting for what is left out, and of its later repair at its dearest hour.
    pub cost: Cost,
}

/// How good the plan is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solver {
    /// Nothing is better.
    pub optimal: bool,
    /// At most this part of the cost could be saved by a better plan, 0 to 1.
    pub gap: f64,
    /// Nodes of the search.
    pub nodes: u64,
}

/// The plan, beside the schedule it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The best schedule found; never dearer than `as_soon_as_possible`.
    pub best: Schedule,
    /// Each job at the first hour there is, most urgent first.
    pub as_soon_as_possible: Schedule,
    /// How good it is.
    pub solver: Solver,
}

/// Plans.
pub fn plan(problem: &Problem, effort: Effort) -> Plan {
    let tasks = tasks(problem);
    let (crews, slots) = (problem.crews.len(), problem.slots);
    let soon = as_soon_as_possible(&tasks, crews, slots);
    let known = vec![soon.clone(), cheapest(&tasks, crews, slots)];
    let found = solve(&tasks, crews, slots, known, effort);
    let cost = total(&tasks, &found.chosen);
    let gap = if found.optimal || cost <= 0.0 { 0.0 } else { ((cost - found.bound) / cost).clamp(0.0, 1.0) };
    Plan {
        best: schedule(&tasks, &found.chosen),
        as_soon_as_possible: schedule(&tasks, &soon),
        solver: Solver { optimal: found.optimal, gap, nodes: found.nodes },
    }
}

/// A choice of starts, priced.
pub(super) fn schedule(tasks: &[Task<'_>], chosen: &[Option<usize>]) -> Schedule {
    let mut all = Schedule::default();
    for (task, chosen) in tasks.iter().zip(chosen) {
        match chosen.and_then(|chosen| visit(task, chosen)) {
            Some(visit) => {
                all.cost += visit.cost;
                all.visits.push(visit);
            }
            None => {
                let dearest = task.postponed() - task.never.total();
                all.cost += Cost { production: dearest, ..task.never };
                let why = task.obstacle.unwrap_or(Obstacle::Crews);
                all.left_out.extend(task.jobs.iter().map(|&job| LeftOut { job, why }));
            }
        }
    }
    all.visits.sort_by_key(|visit| (visit.start, visit.crew));
    all.left_out.sort_by_key(|left| left.job);
    all
}

fn visit(task: &Task<'_>, chosen: usize) -> Option<Visit> {
    let start = &task.starts[chosen];
    let first = task.starts.iter().min_by_key(|start| (start.from(), start.to()))?;
    let elapsed = start.from()..start.to();
    let count = |flags: &[bool], slots: Range<usize>| slots.filter(|&slot| flags.get(slot) == Some(&true)).count();
    let known = || start.work.iter().filter_map(|&slot| task.expected.wind.get(slot)).copied().filter(|wind| wind.is_finite());
    let most = known().reduce(f64::max);
    let unknown = start.work.len() - known().count();
    Some(Visit {
        jobs: task.jobs.clone(),
        crew: start.crew,
        start: start.from(),
        end: start.to(),
        people: task.people,
        stops: task.stops,
        cost: start.cost,
        first: (first.from(), first.cost),
        wind: match most {
            _ if !task.climbs => Wind::NotAsked,
            Some(most) => Wind::Within { most, unknown },
            None => Wind::Unknown,
        },
        outage_hours: count(&task.expected.outage, elapsed.clone()),
        usual_hours: count(&task.expected.usual, elapsed),
        work: start.work.clone(),
    })
}
