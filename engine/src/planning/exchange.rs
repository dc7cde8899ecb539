//! Better schedules by exchange: a task takes a start it likes better, those in its way go elsewhere, and it stays so if that pays.
//!
//! In: tasks and a choice of starts. Out: the choice, not dearer than before. Fast, and blind to what pays only when several tasks move
//! at once: that is left for the solver (`solve`). Bounded by counting, not by time, so that the same problem ends at the same choice.

use super::TRAVEL_SLOTS;
use super::starts::Start;
use super::starts::Task;
use std::collections::BTreeSet;

/// Starts looked at in one exchange at most.
const LOOKS: usize = 4_000_000;

/// What counts as less, kWh.
const LEAST_GAIN: f64 = 1e-6;

/// Exchanges until nothing is gained.
pub(super) fn exchange(tasks: &[Task<'_>], crews: usize, slots: usize, chosen: &mut [Option<usize>]) {
    Board::new(tasks, crews, slots, chosen).settle();
}

/// Which task each crew is at, slot by slot, and the choice that says so.
pub(super) struct Board<'a> {
    tasks: &'a [Task<'a>],
    chosen: &'a mut [Option<usize>],
    /// `[crew][slot]`.
    pub(super) at: Vec<Vec<Option<usize>>>,
    /// Starts of each task that cost less than not coming, the cheapest first.
    ranked: Vec<Vec<usize>>,
    least: Vec<f64>,
    /// Starts that may still be looked at.
    looks: usize,
}

impl<'a> Board<'a> {
    pub(super) fn new(tasks: &'a [Task<'a>], crews: usize, slots: usize, chosen: &'a mut [Option<usize>]) -> Self {
        let ranked = |task: &Task<'_>| {
            let cost = |start: usize| task.starts[start].cost.total();
            let mut order: Vec<usize> = (0..task.starts.len()).filter(|&start| cost(start) < task.postponed()).collect();
            order.sort_by(|&a, &b| cost(a).total_cmp(&cost(b)).then(a.cmp(&b)));
            order
        };
        let mut board = Self {
            at: vec![vec![None; slots]; crews],
            ranked: tasks.iter().map(ranked).collect(),
            least: tasks.iter().map(Task::least).collect(),
            looks: LOOKS,
            tasks,
            chosen,
        };
        for task in 0..tasks.len() {
            board.write(task, board.chosen[task], Some(task));
        }
        board
    }

    /// Exchanges until nothing is gained.
    pub(super) fn settle(&mut self) {
        while self.looks > 0 {
            let above: Vec<f64> =
                (0..self.tasks.len()).map(|task| self.price(task, self.chosen[task]) - self.least[task]).collect();
            let mut order: Vec<usize> = (0..self.tasks.len()).filter(|&task| above[task] > LEAST_GAIN).collect();
            order.sort_by(|&a, &b| above[b].total_cmp(&above[a]).then(a.cmp(&b)));
            let mut gained = false;
            for task in order {
                gained |= self.move_one(task);
            }
            if !gained {
                break;
            }
        }
    }

    fn price(&self, task: usize, start: Option<usize>) -> f64 {
        let task = &self.tasks[task];
        start.map_or_else(|| task.postponed(), |start| task.starts[start].cost.total())
    }

    fn write(&mut self, task: usize, start: Option<usize>, who: Option<usize>) {
        let Some(start) = start else { return };
        let start = &self.tasks[task].starts[start];
        for &slot in &start.work {
            self.at[start.crew][slot] = who;
        }
    }

    /// The tasks that would have to give way.
    fn in_the_way(&mut self, start: &Start, plant: &str) -> BTreeSet<usize> {
        self.looks = self.looks.saturating_sub(1);
        let busy = &self.at[start.crew];
        let near = |slot: usize| slot.saturating_sub(TRAVEL_SLOTS)..(slot + TRAVEL_SLOTS + 1).min(busy.len());
        let cells = start.work.iter().flat_map(|&slot| near(slot).map(move |other| (slot == other, other)));
        cells.filter_map(|(same, slot)| busy[slot].filter(|&other| same || self.tasks[other].plant != plant)).collect()
    }

    fn cheapest_free(&mut self, task: usize) -> Option<usize> {
        let own: &'a Task<'a> = &self.tasks[task];
        for rank in 0..self.ranked[task].len() {
            let start = self.ranked[task][rank];
            if self.looks == 0 {
                return None;
            }
            if self.in_the_way(&own.starts[start], own.plant).is_empty() {
                return Some(start);
            }
        }
        None
    }

    /// Tries the starts of a task that are better than its own, the best first; true when one of them paid.
    fn move_one(&mut self, task: usize) -> bool {
        let now = self.price(task, self.chosen[task]);
        for rank in 0..self.ranked[task].len() {
            let start = self.ranked[task][rank];
            if self.looks == 0 || self.price(task, Some(start)) >= now - LEAST_GAIN {
                break;
            }
            if self.try_start(task, start) {
                return true;
            }
        }
        false
    }

    fn try_start(&mut self, task: usize, start: usize) -> bool {
        let own: &'a Task<'a> = &self.tasks[task];
        let old = self.chosen[task];
        self.write(task, old, None);
        let mut moved: Vec<usize> = self.in_the_way(&own.starts[start], own.plant).into_iter().collect();
        let before = self.price(task, old) + moved.iter().map(|&other| self.price(other, self.chosen[other])).sum::<f64>();
        let mut after = self.price(task, Some(start));
        // What it comes to at best; nothing is worth trying that cannot pay even so.
        let mut hoped = after + moved.iter().map(|&other| self.least[other]).sum::<f64>();
        let pays = |cost: f64| cost < before - LEAST_GAIN;
        if !pays(hoped) {
            self.write(task, old, Some(task));
            return false;
        }
        // Those with most to lose choose first where to go.
        let stake = |task: usize| (self.tasks[task].postponed() - self.least[task]) / self.tasks[task].hours as f64;
        moved.sort_by(|&a, &b| stake(b).total_cmp(&stake(a)).then(a.cmp(&b)));
        for &other in &moved {
            self.write(other, self.chosen[other], None);
        }
        self.write(task, Some(start), Some(task));
        let mut places = Vec::with_capacity(moved.len());
        for &other in &moved {
            let place = self.cheapest_free(other);
            self.write(other, place, Some(other));
            places.push(place);
            let price = self.price(other, place);
            (after, hoped) = (after + price, hoped + price - self.least[other]);
            if !pays(hoped) {
                break;
            }
        }
        let paid = places.len() == moved.len() && pays(after);
        if paid {
            self.chosen[task] = Some(start);
            moved.iter().zip(places).for_each(|(&other, place)| self.chosen[other] = place);
            return true;
        }
        for (&other, place) in moved.iter().zip(places) {
            self.write(other, place, None);
        }
        self.write(task, Some(start), None);
        for &other in &moved {
            self.write(other, self.chosen[other], Some(other));
        }
        self.write(task, old, Some(task));
        false
    }
}
