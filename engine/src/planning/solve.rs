//! The integer program: which start each task takes.
//!
//! In: tasks with priced starts, a schedule to begin with. Out: the best choice found, a bound below which no choice lies, and whether
//! that closes the gap. One binary variable per start, one for coming later. Rows: each task once; each crew at one place per
//! slot; and between sites the way there: work of one plant in a slot excludes work of another within [`TRAVEL_SLOTS`] after it.

use super::Effort;
use super::TRAVEL_SLOTS;
use super::baseline::Roster;
use super::exchange::exchange;
use super::starts::Task;
use microlp::ComparisonOp;
use microlp::OptimizationDirection;
use microlp::Problem as Program;
use microlp::SolutionStatus;
use microlp::SolveOptions;
use microlp::SolveOutcome;
use microlp::Variable;
use std::collections::BTreeSet;
use std::time::Duration;

/// Rounds of small programs at most.
const ROUNDS: usize = 4;

/// Starts that one program may have; larger problems are improved in parts only.
const LARGEST: usize = 12_000;

/// Tasks that are moved together when they are far above their own best.
const TOGETHER: usize = 16;

/// A choice of starts and what is known of better ones.
#[derive(Debug)]
pub(super) struct Found {
    /// The start each task takes.
    pub(super) chosen: Vec<Option<usize>>,
    /// No choice costs less, kWh.
    pub(super) bound: f64,
    /// Nothing is better.
    pub(super) optimal: bool,
    /// Nodes of the search.
    pub(super) nodes: u64,
    /// Time of the search.
    spent: Duration,
}

/// What a choice costs, later visits included.
pub(super) fn total(tasks: &[Task<'_>], chosen: &[Option<usize>]) -> f64 {
    let one = |(task, start): (&Task<'_>, &Option<usize>)| match start {
        Some(start) => task.starts[*start].cost.total(),
        None => task.postponed(),
    };
    tasks.iter().zip(chosen).map(one).sum()
}

/// The best choice within the effort; never dearer than any of `known`.
///
/// First exchanges, then small programs over a few visits with all others held (those of two days, those furthest above their own
/// best), until none helps any more: they find good choices fast. Then the whole program, which starts there and proves how good that
/// is.
pub(super) fn solve(tasks: &[Task<'_>], crews: usize, slots: usize, known: Vec<Vec<Option<usize>>>, effort: Effort) -> Found {
    let alone: f64 = tasks.iter().map(Task::least).sum();
    let better = |mut chosen: Vec<Option<usize>>| {
        exchange(tasks, crews, slots, &mut chosen);
        (total(tasks, &chosen), chosen)
    };
    let priced = known.into_iter().map(better);
    let Some((_, mut chosen)) = priced.reduce(|best, next| if next.0 < best.0 { next } else { best }) else {
        return Found { chosen: Vec::new(), bound: alone, optimal: tasks.is_empty(), nodes: 0, spent: Duration::ZERO };
    };
    let (mut nodes, mut spent) = improve(tasks, crews, slots, &mut chosen, effort);
    let mut found = (alone, false);
    let whole: Vec<Free> = (0..tasks.len()).map(|task| Free { task, starts: (0..tasks[task].starts.len()).collect() }).collect();
    if whole.iter().map(|free| free.starts.len()).sum::<usize>() <= LARGEST {
        let rest = Effort { nodes: effort.nodes, time: effort.time.saturating_sub(spent) };
        if let Some(searched) = search(tasks, crews, slots, &whole, &chosen, rest) {
            (nodes, spent) = (nodes + searched.nodes, spent + searched.spent);
            found = (searched.bound, searched.optimal);
            keep_if_better(tasks, &mut chosen, searched.chosen);
        }
    }
    let cost = total(tasks, &chosen);
    // Each task at its own best hour: nothing can be better, whatever the search says.
    let optimal = found.1 || cost <= alone + 1e-9 * alone.max(1.0);
    Found { chosen, bound: if optimal { cost } else { found.0.min(cost) }, optimal, nodes, spent }
}

fn keep_if_better(tasks: &[Task<'_>], chosen: &mut Vec<Option<usize>>, other: Vec<Option<usize>>) -> bool {
    let gain = total(tasks, chosen) - total(tasks, &other);
    let better = gain > 1e-6;
    if better {
        *chosen = other;
    }
    better
}

/// Neighbourhoods one after another, until a round of them helps nowhere or half of the effort is spent; returns what was spent.
fn improve(tasks: &[Task<'_>], crews: usize, slots: usize, chosen: &mut Vec<Option<usize>>, effort: Effort) -> (u64, Duration) {
    let days = slots.div_ceil(24);
    let pairs: Vec<(usize, usize)> = (0..days).flat_map(|apart| (0..days - apart).map(move |day| (day, day + apart))).collect();
    let small = Effort { nodes: effort.nodes / 8 + 1, time: effort.time / 8 };
    let (mut nodes, mut spent) = (0, Duration::ZERO);
    for _ in 0..ROUNDS {
        let mut helped = false;
        for pair in std::iter::once(None).chain(pairs.iter().map(Some)) {
            let free = match pair {
                Some(&(one, other)) => of_days(tasks, chosen, one, other),
                None => unhappiest(tasks, chosen),
            };
            if free.len() < 2 {
                continue;
            }
            if nodes > effort.nodes || spent > effort.time / 2 {
                return (nodes, spent);
            }
            let free = movable(tasks, crews, slots, chosen, &free);
            if let Some(searched) = search(tasks, crews, slots, &free, chosen, small) {
                (nodes, spent) = (nodes + searched.nodes, spent + searched.spent);
                helped |= keep_if_better(tasks, chosen, searched.chosen);
            }
        }
        if !helped {
            break;
        }
        exchange(tasks, crews, slots, chosen);
    }
    (nodes, spent)
}

/// Tasks that begin on one of two days, and those that nobody does.
fn of_days(tasks: &[Task<'_>], chosen: &[Option<usize>], one: usize, other: usize) -> Vec<usize> {
    let day = |task: usize| chosen[task].map(|start| tasks[task].starts[start].from() / 24);
    (0..tasks.len()).filter(|&task| day(task).is_none_or(|day| day == one || day == other)).collect()
}

/// Tasks that are furthest above their own best.
fn unhappiest(tasks: &[Task<'_>], chosen: &[Option<usize>]) -> Vec<usize> {
    let above = |task: usize| {
        let cost = chosen[task].map_or_else(|| tasks[task].postponed(), |start| tasks[task].starts[start].cost.total());
        cost - tasks[task].least()
    };
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by(|&a, &b| above(b).total_cmp(&above(a)).then(a.cmp(&b)));
    order.truncate(TOGETHER);
    order
}

/// The starts that are left to the free tasks while all others stay.
fn movable(tasks: &[Task<'_>], crews: usize, slots: usize, chosen: &[Option<usize>], free: &[usize]) -> Vec<Free> {
    let mut roster = Roster::new(crews, slots);
    for task in (0..tasks.len()).filter(|task| !free.contains(task)) {
        if let Some(start) = chosen[task] {
            roster.take(&tasks[task].starts[start], tasks[task].plant);
        }
    }
    let fitting = |task: usize| {
        let all = tasks[task].starts.iter().enumerate();
        all.filter(|(_, start)| roster.fits(start, tasks[task].plant)).map(|(index, _)| index).collect()
    };
    free.iter().map(|&task| Free { task, starts: fitting(task) }).collect()
}

/// A task that may move, and the starts it may take.
struct Free {
    task: usize,
    starts: Vec<usize>,
}

/// Searches the choices of the free tasks; `begin` is where it starts, and where all others stay.
fn search(tasks: &[Task<'_>], crews: usize, slots: usize, free: &[Free], begin: &[Option<usize>], effort: Effort) -> Option<Found> {
    let mut program = Program::new(OptimizationDirection::Minimize);
    let mut options = SolveOptions::default();
    let mut warm = Vec::new();
    let mut variables: Vec<Vec<Variable>> = Vec::with_capacity(free.len());
    let mut rows = Rows::new(crews, slots);
    let mut base = 0.0;
    for Free { task: index, starts } in free {
        let task = &tasks[*index];
        // Costs count from the task's own best: small numbers, and the same optimum.
        let own = starts.iter().map(|&start| task.starts[start].cost.total()).fold(task.postponed(), f64::min);
        base += own;
        let later = program.add_binary_var(task.postponed() - own);
        let own: Vec<Variable> =
            starts.iter().map(|&start| program.add_binary_var(task.starts[start].cost.total() - own)).collect();
        let once: Vec<(Variable, f64)> = std::iter::once(&later).chain(&own).map(|&variable| (variable, 1.0)).collect();
        program.add_constraint(once, ComparisonOp::Eq, 1.0);
        warm.push((later, f64::from(u8::from(begin[*index].is_none()))));
        for (&start, &variable) in starts.iter().zip(&own) {
            warm.push((variable, f64::from(u8::from(begin[*index] == Some(start)))));
            rows.add(task.starts[start].crew, &task.starts[start].work, task.plant, variable);
        }
        variables.push(own);
    }
    for row in rows.finish() {
        let row: Vec<(Variable, f64)> = row.into_iter().map(|variable| (variable, 1.0)).collect();
        program.add_constraint(row, ComparisonOp::Le, 1.0);
    }
    options.node_limit = Some(effort.nodes);
    options.time_limit = Some(effort.time);
    options.warm_start = Some(warm);
    let solved = program.solve_with(options);
    let outcome =
        solved.map_err(|error| tracing::warn!(%error, "the solver gave up; the plan stays the best found before")).ok()?;
    let stats = outcome.stats();
    let bound = stats.best_bound.map_or(base, |bound| base + bound.max(0.0));
    let (mut chosen, mut optimal) = (begin.to_vec(), false);
    if let SolveOutcome::Solution(solution) = outcome {
        optimal = solution.status() == SolutionStatus::Optimal;
        for (Free { task, starts }, own) in free.iter().zip(&variables) {
            let taken = own.iter().position(|&variable| solution.var_value(variable) > 0.5);
            chosen[*task] = taken.map(|position| starts[position]);
        }
    }
    Some(Found { chosen, bound, optimal, nodes: stats.nodes_solved, spent: stats.elapsed })
}

/// Who would be where, collected into rows of which at most one may be true.
struct Rows<'a> {
    /// `[crew][slot]`: plant and variable of each start that is at work there.
    at: Vec<Vec<Vec<(&'a str, Variable)>>>,
}

impl<'a> Rows<'a> {
    fn new(crews: usize, slots: usize) -> Self {
        Self { at: vec![vec![Vec::new(); slots]; crews] }
    }

    fn add(&mut self, crew: usize, work: &[usize], plant: &'a str, variable: Variable) {
        for &slot in work {
            self.at[crew][slot].push((plant, variable));
        }
    }

    fn finish(self) -> Vec<Vec<Variable>> {
        let mut rows = Vec::new();
        for slots in &self.at {
            for (slot, here) in slots.iter().enumerate() {
                let plants: BTreeSet<&str> = here.iter().map(|(plant, _)| *plant).collect();
                let elsewhere = |plant: &str, later: usize| {
                    let there = slots.get(slot + later).into_iter().flatten().filter(|(other, _)| *other != plant);
                    there.map(|(_, variable)| *variable).collect::<BTreeSet<_>>()
                };
                for plant in &plants {
                    for later in 1..=TRAVEL_SLOTS {
                        let others = elsewhere(plant, later);
                        let own = here.iter().filter(|(of, _)| of == plant).map(|(_, variable)| *variable);
                        if !others.is_empty() {
                            rows.push(own.chain(others).collect());
                        }
                    }
                }
                if here.len() > 1 {
                    rows.push(here.iter().map(|(_, variable)| *variable).collect());
                }
            }
        }
        rows
    }
}
