//! Second rows for a key: remembered keys for `first` and `error`, the look-back of `least_jump`.
//!
//! In: rows of one asset, roughly in order. Out: the same rows, twins told apart. The rule is described in
//! [`crate::mapping`]; it was found by experiment on La Haute Borne, whose 48 twins it reproduces all.

use super::page::Row;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;

/// How long a row is held back, so that its neighbours are there when a twin appears: a day.
const HOLD: i64 = 86_400 * 1_000_000;

/// Keys seen so far: one bit per step of the grid, so a billion rows take 125 MB.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    grid: HashMap<(u64, i64), [u64; 16]>,
    off_grid: HashSet<(u64, i64)>,
}

impl Seen {
    /// True when the key is new.
    pub(crate) fn insert(&mut self, series: u64, time: i64, step: i64) -> bool {
        if time.rem_euclid(step) != 0 {
            return self.off_grid.insert((series, time));
        }
        let slot = time.div_euclid(step);
        let block = self.grid.entry((series, slot.div_euclid(1024))).or_insert([0; 16]);
        let bit = slot.rem_euclid(1024) as usize;
        let fresh = block[bit / 64] & (1 << (bit % 64)) == 0;
        block[bit / 64] |= 1 << (bit % 64);
        fresh
    }
}

/// The look-back of one asset.
#[derive(Debug, Default)]
pub(crate) struct LookBack {
    held: VecDeque<Row>,
    twins: Vec<Row>,
}

/// The rule, in microseconds and positions of values.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) shift: i64,
    pub(crate) step: i64,
    pub(crate) jump: Vec<(usize, f64)>,
}

/// Rows that may go on, and those that lost their place.
#[derive(Debug, Default)]
pub(crate) struct Released {
    pub(crate) rows: Vec<Row>,
    pub(crate) lost: Vec<Row>,
}

impl LookBack {
    /// Takes a row; hands on those older than a day.
    pub(crate) fn push(&mut self, row: Row, rule: &Rule, out: &mut Released) {
        let newest = self.held.back().map_or(row.time, |last| last.time.max(row.time));
        match self.held.back() {
            Some(last) if last.time >= row.time => match self.held.binary_search_by_key(&row.time, |held| held.time) {
                Ok(_) => self.twins.push(row),
                Err(index) => self.held.insert(index, row),
            },
            _ => self.held.push_back(row),
        }
        if self.twins.iter().map(|twin| twin.time).max().is_some_and(|last| newest - last > HOLD / 2) {
            self.resolve(rule, out);
        }
        while self.twins.is_empty() && self.held.front().is_some_and(|first| newest - first.time > HOLD) {
            out.rows.extend(self.held.pop_front());
        }
    }

    /// Hands on everything.
    pub(crate) fn finish(&mut self, rule: &Rule, out: &mut Released) {
        self.resolve(rule, out);
        out.rows.extend(self.held.drain(..));
    }

    fn resolve(&mut self, rule: &Rule, out: &mut Released) {
        let mut twins = std::mem::take(&mut self.twins);
        twins.sort_by_key(|twin| (twin.time, twin.line));
        let mut run: Vec<Row> = Vec::new();
        for twin in twins {
            match run.last().map(|last| twin.time - last.time) {
                Some(0) => out.lost.push(twin),
                Some(gap) if gap != rule.step => {
                    self.resolve_run(std::mem::take(&mut run), rule, out);
                    run.push(twin);
                }
                _ => run.push(twin),
            }
        }
        if !run.is_empty() {
            self.resolve_run(run, rule, out);
        }
    }

    fn at(&self, time: i64) -> Option<&Row> {
        self.held.binary_search_by_key(&time, |held| held.time).ok().and_then(|index| self.held.get(index))
    }

    fn resolve_run(&mut self, run: Vec<Row>, rule: &Rule, out: &mut Released) {
        let free = run.iter().all(|twin| self.at(twin.time - rule.shift).is_none());
        let moved = if free && !rule.jump.is_empty() { self.choose(&run, rule) } else { None };
        for (index, mut twin) in run.into_iter().enumerate() {
            let Ok(place) = self.held.binary_search_by_key(&twin.time, |held| held.time) else { continue };
            let Some(held) = self.held.get_mut(place) else { continue };
            match &moved {
                Some(choice) => {
                    if choice[index] {
                        std::mem::swap(held, &mut twin);
                    }
                    twin.move_by(-rule.shift);
                    let place = self.held.partition_point(|held| held.time < twin.time);
                    self.held.insert(place, twin);
                }
                None => {
                    std::mem::swap(held, &mut twin);
                    out.lost.push(twin);
                }
            }
        }
    }

    /// For each pair of the run: does the held row move (true) or the twin (false)? Dynamic programming over the run,
    /// once for each choice of the first pair, because the moved run may end where the staying run begins.
    fn choose(&self, run: &[Row], rule: &Rule) -> Option<Vec<bool>> {
        let base: Vec<&Row> = run.iter().map(|twin| self.at(twin.time)).collect::<Option<_>>()?;
        let (first, last) = (run.first()?.time, run.last()?.time);
        let pair = |index: usize, held_moves: bool| {
            let (held, twin) = (base[index], &run[index]);
            if held_moves { (held, twin) } else { (twin, held) }
        };
        let before_moved = self.at(first - rule.shift - rule.step);
        let joined = last - rule.shift + rule.step == first;
        let after_moved = if joined { None } else { self.at(last - rule.shift + rule.step) };
        let before_stay = if joined { None } else { self.at(first - rule.step) };
        let after_stay = self.at(last + rule.step);
        let link = |a: Option<&Row>, b: Option<&Row>| a.zip(b).map_or(0.0, |(a, b)| distance(a, b, rule));
        let mut best: Option<(f64, Vec<bool>)> = None;
        for start in [false, true] {
            let (moved, stay) = pair(0, start);
            let mut cost = [f64::INFINITY; 2];
            cost[usize::from(start)] = link(before_moved, Some(moved)) + link(before_stay, Some(stay));
            let mut came: Vec<[bool; 2]> = Vec::new();
            for index in 1..run.len() {
                let mut next = [f64::INFINITY; 2];
                let mut from = [false; 2];
                for here in [false, true] {
                    let (moved, stay) = pair(index, here);
                    for there in [false, true] {
                        let (moved_before, stay_before) = pair(index - 1, there);
                        let sum =
                            cost[usize::from(there)] + distance(moved_before, moved, rule) + distance(stay_before, stay, rule);
                        if sum < next[usize::from(here)] {
                            next[usize::from(here)] = sum;
                            from[usize::from(here)] = there;
                        }
                    }
                }
                cost = next;
                came.push(from);
            }
            for end in [false, true] {
                let (moved, stay) = pair(run.len() - 1, end);
                let join = if joined { distance(moved, pair(0, start).1, rule) } else { link(Some(moved), after_moved) };
                let total = cost[usize::from(end)] + join + link(Some(stay), after_stay);
                if total.is_finite() && best.as_ref().is_none_or(|(least, _)| total < *least) {
                    let mut choice = vec![end];
                    for from in came.iter().rev() {
                        let held = choice.last().copied().unwrap_or(end);
                        choice.push(from[usize::from(held)]);
                    }
                    choice.reverse();
                    best = Some((total, choice));
                }
            }
        }
        best.map(|(_, choice)| choice)
    }
}

fn distance(a: &Row, b: &Row, rule: &Rule) -> f64 {
    let step = |&(slot, scale): &(usize, f64)| match (a.values.get(slot), b.values.get(slot)) {
        (Some(x), Some(y)) if x.is_finite() && y.is_finite() => (x - y).abs() / scale,
        _ => 0.0,
    };
    rule.jump.iter().map(step).sum()
}

#[cfg(test)]
mod tests {
    use super::{LookBack, Released, Row, Rule, Seen};

    #[test]
    fn keys_are_remembered_on_and_off_the_grid() {
        let mut seen = Seen::default();
        for time in [0, 600, 601, -600, 600 * 5000] {
            assert!(seen.insert(1, time, 600), "{time}");
            assert!(!seen.insert(1, time, 600), "{time}");
            assert!(seen.insert(2, time, 600), "{time}");
        }
    }

    #[test]
    fn twins_find_the_smooth_way() {
        let rule = Rule { shift: 20, step: 10, jump: vec![(0, 1.0)] };
        let row = |time: i64, value: f64, line: u64| Row { time, line, values: vec![value], ..Row::default() };
        let mut look = LookBack::default();
        let mut out = Released::default();
        // The smooth course is time / 10; the rows of 20 and 30 are stamped 40 and 50, in changing order.
        let stamps = [(0, 0.0), (10, 1.0), (40, 2.0), (40, 4.0), (50, 5.0), (50, 3.0), (60, 6.0)];
        for (line, (time, value)) in stamps.into_iter().enumerate() {
            look.push(row(time, value, line as u64), &rule, &mut out);
        }
        look.finish(&rule, &mut out);
        let got: Vec<(i64, f64)> = out.rows.iter().map(|row| (row.time, row.values[0])).collect();
        assert_eq!(got, (0..7).map(|i| (i * 10, i as f64)).collect::<Vec<_>>());
        assert!(out.lost.is_empty());
    }
}
