//! The naive gate: where the aggregate lost to the best naive on the past, the best naive is served.
//!
//! In: score boards of all candidates. Out: per bucket of leads the share of the aggregate, and the verdict's rows. A bucket that
//! lost is served wholly by its naive; beside it the aggregate comes in over the near half of its own bucket, so that a forecast
//! has no step at the border.

use super::board::{Board, Yardstick};
use super::verdict::{BucketVerdict, ScoreRow};
use crate::models::Leads;
use serde::{Deserialize, Serialize};

/// What is served in each bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Gate {
    /// Best naive, and whether the aggregate was at least as good.
    buckets: Vec<(Option<usize>, bool)>,
}

impl Gate {
    /// Share of the aggregate at a lead, and the naive that has the rest.
    pub(super) fn at(&self, leads: &Leads, lead: usize) -> (f64, Option<usize>) {
        let bucket = leads.of(lead);
        let Some(&(naive, wins)) = self.buckets.get(bucket) else { return (1.0, None) };
        if !wins {
            return (0.0, naive);
        }
        let (from, to) = leads.range(bucket);
        let place = (lead - from) as f64 + 0.5;
        let width = (to - from) as f64;
        let before = bucket.checked_sub(1).map(|b| self.buckets[b]).filter(|(_, wins)| !wins);
        let after = self.buckets.get(bucket + 1).copied().filter(|(_, wins)| !wins);
        match (before, after) {
            (Some((other, _)), _) if place < width / 2.0 => (2.0 * place / width, other),
            (_, Some((other, _))) if place > width / 2.0 => (2.0 * (width - place) / width, other),
            _ => (1.0, None),
        }
    }

    /// Judges the boards of all candidates, the aggregate last; `naives` says which are naive and can forecast now.
    pub(super) fn judge(boards: &[Board], naives: &[bool], leads: &Leads) -> Self {
        let Some((aggregate, others)) = boards.split_last() else { return Self::default() };
        let most = others.iter().map(Board::steps).max().unwrap_or(0);
        let seasoned = |at: &usize| naives[*at] && others[*at].steps() * 10 >= most * 7;
        let one = |bucket: usize| {
            let scores = (0..others.len()).filter(seasoned).filter_map(|at| Some((at, others[at].bucket(bucket)?)));
            let best = scores.min_by(|a, b| a.1.total_cmp(&b.1));
            let wins = aggregate.bucket(bucket).zip(best).is_none_or(|(own, (_, naive))| own <= naive);
            (best.map(|(at, _)| at), wins || best.is_none())
        };
        Self { buckets: (0..leads.len()).map(one).collect() }
    }

    /// Serves one candidate at all leads.
    pub(super) fn only(naive: usize, leads: &Leads) -> Self {
        Self { buckets: vec![(Some(naive), false); leads.len()] }
    }

    /// One row per bucket for the verdict.
    pub(super) fn verdicts(&self, boards: &[Board], names: &[String], leads: &Leads) -> Vec<BucketVerdict> {
        let aggregate = boards.len() - 1;
        let row = |(bucket, (naive, wins)): (usize, &(Option<usize>, bool))| {
            let (from, to) = leads.range(bucket);
            let served = naive.filter(|_| !wins).unwrap_or(aggregate);
            BucketVerdict {
                from,
                to,
                model: names[served].clone(),
                best_naive: naive.map(|at| names[at].clone()),
                score: boards[served].bucket(bucket),
                naive_score: naive.and_then(|at| boards[at].bucket(bucket)),
            }
        };
        self.buckets.iter().enumerate().map(row).collect()
    }
}

/// The rows of the verdict's table, best first; candidates with too short a record are left out.
pub(super) fn table(boards: &[Board], names: &[String], naives: &[bool], by: &Yardstick) -> Vec<(usize, ScoreRow)> {
    let most = boards.iter().map(Board::steps).max().unwrap_or(0);
    let mut rows: Vec<(usize, ScoreRow)> = boards
        .iter()
        .enumerate()
        .filter(|(_, board)| board.steps() * 10 >= most * 7)
        .filter_map(|(at, board)| Some((at, board.row(&names[at], naives.get(at).copied().unwrap_or(false), by)?)))
        .collect();
    rows.sort_by(|a, b| a.1.score.total_cmp(&b.1.score).then(a.0.cmp(&b.0)));
    rows
}

#[cfg(test)]
mod tests {
    use super::Gate;
    use crate::domain::Quantile;
    use crate::evaluate::board::{Board, Yardstick};
    use crate::models::Leads;

    /// Two naives and the aggregate; the aggregate loses in the second bucket only.
    #[test]
    fn falls_back_exactly_where_a_naive_wins() {
        let (leads, by) = (Leads::new(24, 1), Yardstick::new(&Quantile::deciles()));
        let mut boards = vec![Board::new(leads.len()); 3];
        for bucket in 0..leads.len() {
            for (board, error) in boards.iter_mut().zip([3.0, 2.0, if bucket == 1 { 2.5 } else { 1.0 }]) {
                board.score(bucket, 0.0, &[error; 9], &by, true);
            }
        }
        let gate = Gate::judge(&boards, &[true, true], &leads);
        for k in 0..24 {
            let (share, naive) = gate.at(&leads, k);
            match leads.of(k) {
                1 => assert_eq!((share, naive), (0.0, Some(1))),
                _ if share < 1.0 => assert!(naive == Some(1) && leads.of(k).abs_diff(1) == 1 && share > 0.0),
                _ => assert_eq!(share, 1.0),
            }
        }
        let names = ["a", "b", "aggregate"].map(str::to_owned);
        let rows = gate.verdicts(&boards, &names, &leads);
        assert_eq!(rows.len(), leads.len());
        for (bucket, row) in rows.iter().enumerate() {
            assert_eq!(row.model, if bucket == 1 { "b" } else { "aggregate" });
            assert!(row.score <= row.naive_score && row.best_naive.as_deref() == Some("b"));
        }
        assert!((0..24).all(|k| Gate::only(0, &leads).at(&leads, k) == (0.0, Some(0))));
    }
}
