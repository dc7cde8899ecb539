//! Where the trees start from: ridge regression per group of leads.
//!
//! In: linear rows of past origins. Out: a [`Start`], and for every past row what a fit on other months says of it, so that the
//! trees learn the errors of fresh forecasts and not those of a fit that has seen the answer.

use crate::features::{FeatureMatrix, Shares};
use crate::models::{Gram, LinearFit};
use serde::{Deserialize, Serialize};

const PENALTIES: [f64; 4] = [1e-3, 1e-2, 1e-1, 1.0];
/// Fewest rows of a half for a fit.
const LEAST: usize = 60;
/// Least spread of a group against the widest.
const NARROWEST: f64 = 0.02;
/// Days of a block of origins; blocks go to the two halves in turn.
const BLOCK_DAYS: usize = 28;

/// A past row: when, how far ahead, what came of it, in units of the row's scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) origin: usize,
    pub(super) lead: usize,
    pub(super) target: f64,
    pub(super) weight: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Group {
    to: usize,
    plain: Option<LinearFit>,
    weather: Option<LinearFit>,
    /// Mean size of what is left, in units of the row's scale.
    spread: f64,
}

/// Fits per group of leads; without any it says zero.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Start {
    groups: Vec<Group>,
}

impl Start {
    /// Fits `groups` of leads (`[from, to)`), where `linear`; row `i` of `matrix` had the outcome `i`.
    pub(super) fn fit(
        matrix: &FeatureMatrix,
        outcomes: &[Outcome],
        groups: &[(usize, usize)],
        day: usize,
        linear: bool,
    ) -> (Self, Vec<f64>) {
        let mut said = vec![0.0; outcomes.len()];
        let group = |&(from, to): &(usize, usize)| {
            let rows: Vec<usize> = (0..outcomes.len()).filter(|&i| (from..to).contains(&outcomes[i].lead)).collect();
            let (mut plain, mut weather) = (None, None);
            if linear {
                let (dry, wet): (Vec<usize>, Vec<usize>) = rows.iter().copied().partition(|&i| !matrix.has_weather(i));
                plain = halves(matrix, outcomes, if wet.is_empty() { &dry } else { &rows }, matrix.plain, day, &mut said);
                weather = halves(matrix, outcomes, &wet, matrix.width, day, &mut said);
            }
            let sum: f64 = rows.iter().map(|&i| (outcomes[i].target - said[i]).abs()).sum();
            Group { to, plain, weather, spread: sum / rows.len().max(1) as f64 }
        };
        let mut groups: Vec<Group> = groups.iter().map(group).collect();
        let widest = groups.iter().map(|group| group.spread).fold(0.0, f64::max);
        groups.iter_mut().for_each(|group| group.spread = if widest > 0.0 { group.spread.max(NARROWEST * widest) } else { 1.0 });
        (Self { groups }, said)
    }

    fn group(&self, lead: usize) -> Option<&Group> {
        self.groups.iter().find(|group| lead < group.to).or(self.groups.last())
    }

    /// Mean size of what the fits leave at `lead`.
    pub(super) fn spread(&self, lead: usize) -> f64 {
        self.group(lead).map_or(1.0, |group| group.spread)
    }

    /// What the fits say of row `index` at `lead`.
    pub(super) fn says(&self, matrix: &FeatureMatrix, index: usize, lead: usize) -> f64 {
        self.fit_of(matrix, index, lead).map_or(0.0, |fit| fit.predict(matrix.row(index)))
    }

    /// Adds what each group of features gives to [`Start::says`], `worth` for one.
    pub(super) fn contribute(&self, matrix: &FeatureMatrix, index: usize, lead: usize, worth: f64, shares: &mut Shares) {
        if let Some(fit) = self.fit_of(matrix, index, lead) {
            fit.contribute(matrix.row(index), &matrix.groups, worth, shares);
        }
    }

    fn fit_of(&self, matrix: &FeatureMatrix, index: usize, lead: usize) -> Option<&LinearFit> {
        self.group(lead).and_then(|g| g.weather.as_ref().filter(|_| matrix.has_weather(index)).or(g.plain.as_ref()))
    }
}

/// A fit on all of `rows`, or their mean when they are few; what each half says of the other goes to `said`.
fn halves(
    matrix: &FeatureMatrix,
    outcomes: &[Outcome],
    rows: &[usize],
    width: usize,
    day: usize,
    said: &mut [f64],
) -> Option<LinearFit> {
    let half = |i: usize| outcomes[i].origin / (BLOCK_DAYS * day) % 2;
    let mut gram = Gram::new(width);
    let mut order: Vec<usize> = rows.iter().copied().filter(|&i| half(i) == 0).collect();
    let cut = order.len();
    order.extend(rows.iter().copied().filter(|&i| half(i) == 1));
    if order.is_empty() {
        return None;
    }
    if cut < LEAST || order.len() - cut < LEAST {
        let (sum, weight) =
            order.iter().map(|&i| outcomes[i]).fold((0.0, 0.0), |(s, w), o| (s + o.weight * o.target, w + o.weight));
        order.iter().for_each(|&i| said[i] = sum / weight);
        return Some(LinearFit::constant(sum / weight));
    }
    for &i in &order {
        gram.push(matrix.row(i), outcomes[i].target, outcomes[i].weight);
    }
    if gram.len() != order.len() {
        return None;
    }
    let (first, second) = (gram.normal(0, cut), gram.normal(cut, order.len()));
    let mut best: Option<(f64, f64, LinearFit, LinearFit)> = None;
    for penalty in PENALTIES {
        let (Ok(one), Ok(two)) = (first.solve(penalty), second.solve(penalty)) else { continue };
        let error = gram.error(&one, cut, order.len()) + gram.error(&two, 0, cut);
        if best.as_ref().is_none_or(|held| error < held.0) {
            best = Some((error, penalty, one, two));
        }
    }
    let (_, penalty, one, two) = best?;
    for (place, &i) in order.iter().enumerate() {
        said[i] = if place < cut { &two } else { &one }.predict(&matrix.row(i)[..width]);
    }
    gram.normal(0, order.len()).solve(penalty).ok()
}
