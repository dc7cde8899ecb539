//! "As soon as possible": what a dispatcher does without a plan. Most urgent first, each at the first hour at which a crew that is
//! large enough is free, under the same limits of wind, hours, people and travel.
//!
//! In: tasks. Out: the start each takes, or none. It is also where the solver begins.

use super::TRAVEL_SLOTS;
use super::starts::Start;
use super::starts::Task;

/// Where the crews are, slot by slot.
#[derive(Debug)]
pub(super) struct Roster<'a> {
    /// `[crew][slot]`: the plant a crew works at.
    at: Vec<Vec<Option<&'a str>>>,
}

impl<'a> Roster<'a> {
    pub(super) fn new(crews: usize, slots: usize) -> Self {
        Self { at: vec![vec![None; slots]; crews] }
    }

    /// True when the crew is free for it, with time to get there from another plant and on to the next.
    pub(super) fn fits(&self, start: &Start, plant: &str) -> bool {
        let busy = &self.at[start.crew];
        start.work.iter().all(|&slot| {
            let around = slot.saturating_sub(TRAVEL_SLOTS)..(slot + TRAVEL_SLOTS + 1).min(busy.len());
            busy[slot].is_none() && busy[around].iter().all(|at| at.is_none_or(|at| at == plant))
        })
    }

    pub(super) fn take(&mut self, start: &Start, plant: &'a str) {
        for &slot in &start.work {
            self.at[start.crew][slot] = Some(plant);
        }
    }
}

/// For each task the start it takes, in the order of urgency; of equal hours the one that is done first, then the crew named first.
pub(super) fn as_soon_as_possible(tasks: &[Task<'_>], crews: usize, slots: usize) -> Vec<Option<usize>> {
    in_turn(tasks, (0..tasks.len()).collect(), crews, slots, |start| (start.from() as f64, start.to() as f64))
}

/// For each task the cheapest start that is left; those come first that have most to lose, per hour of work.
pub(super) fn cheapest(tasks: &[Task<'_>], crews: usize, slots: usize) -> Vec<Option<usize>> {
    let stake = |task: &Task<'_>| (task.postponed() - task.least()) / task.hours as f64;
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by(|&a, &b| stake(&tasks[b]).total_cmp(&stake(&tasks[a])).then(a.cmp(&b)));
    in_turn(tasks, order, crews, slots, |start| (start.cost.total(), start.from() as f64))
}

fn in_turn(
    tasks: &[Task<'_>],
    order: Vec<usize>,
    crews: usize,
    slots: usize,
    key: impl Fn(&Start) -> (f64, f64),
) -> Vec<Option<usize>> {
    let mut roster = Roster::new(crews, slots);
    let mut chosen = vec![None; tasks.len()];
    for turn in order {
        let task = &tasks[turn];
        let fitting = task.starts.iter().enumerate().filter(|(_, start)| roster.fits(start, task.plant));
        let ranked = fitting.map(|(index, start)| (key(start), index));
        let best = ranked.min_by(|(a, i), (b, j)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(i.cmp(j)));
        let best = best.map(|(_, index)| index);
        if let Some(index) = best {
            roster.take(&task.starts[index], task.plant);
        }
        chosen[turn] = best;
    }
    chosen
}
