//! What a feature speaks of, and what a forecast starts from.
//!
//! In: values of a row with the group they belong to; a view. Out: [`Group`], [`Shares`], the usual level of every step and what
//! the base of a row is made of. Needed to say why a forecast is what it is; no forecast depends on it.

use super::wind::{damping, usual_power};
use super::{TargetKind, View, envelope};

/// What a feature speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The level at that time of day and season that a model starts from.
    Usual,
    /// What the target and its relatives did lately.
    Recent,
    /// Weather, measured or forecast.
    Weather,
    /// Weekdays, holidays, feasts, Ramadan.
    Calendar,
}

impl Group {
    /// All of them, in the order of [`Shares`].
    pub const ALL: [Self; 4] = [Self::Usual, Self::Recent, Self::Weather, Self::Calendar];

    /// Stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Recent => "recent",
            Self::Weather => "weather",
            Self::Calendar => "calendar",
        }
    }
}

/// What each group gives to one step, in the target's unit, in the order of [`Group::ALL`].
pub type Shares = [f64; 4];

/// A row under construction: its values and, where the groups are asked for (in the first row of a matrix), span by span their group.
#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    values: Vec<f64>,
    is_named: bool,
    /// Group and where it ends.
    spans: Vec<(Group, usize)>,
}

impl Features {
    /// Room for a row of about that width.
    pub(super) fn new(width: usize, is_named: bool) -> Self {
        Self { values: Vec::with_capacity(width), is_named, spans: Vec::new() }
    }

    /// A row whose columns are known already.
    pub(super) fn of(values: &[f64], groups: &[Group], is_named: bool) -> Self {
        let mut row = Self::new(values.len() + 64, is_named);
        if is_named {
            values.iter().zip(groups).for_each(|(value, group)| row.add(*group, [*value]));
        } else {
            row.values.extend_from_slice(values);
        }
        row
    }

    /// Appends values of one group.
    pub(super) fn add(&mut self, group: Group, values: impl IntoIterator<Item = f64>) {
        self.values.extend(values);
        if self.is_named {
            self.spans.push((group, self.values.len()));
        }
    }

    /// Appends another row, or as many zeros.
    pub(super) fn append(&mut self, other: &Self, is_known: bool) {
        let from = self.values.len();
        self.values.extend(other.values.iter().map(|value| if is_known { *value } else { 0.0 }));
        self.spans.extend(other.spans.iter().map(|&(group, to)| (group, from + to)));
    }

    /// The values.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// One group per value; empty where they were not asked for.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::with_capacity(self.values.len());
        self.spans.iter().for_each(|&(group, to)| groups.resize(to, group));
        groups
    }
}

/// Days of past by which the usual clear-sky index, and the usual load where no normal is known, are told.
const USUAL_DAYS: usize = 28;

/// The usual level of every step of the horizon: of a load the calendar normal of its time of day and season, averaged over the
/// weekdays and without holidays; of wind the mean power; of sun the clear sky times its usual share. Finite.
pub fn usual(view: &View<'_>) -> Vec<f64> {
    let (context, edge) = (view.context, view.edge());
    let back = edge.saturating_sub(USUAL_DAYS * context.day);
    match context.kind {
        TargetKind::Load => {
            let mean = or(view.series().mean(back, edge), 0.0);
            plain_and_normal(view).into_iter().map(|(plain, _)| or(plain, mean)).collect()
        }
        TargetKind::Wind => vec![usual_power(view); context.horizon],
        TargetKind::Solar => {
            let sky = envelope(view);
            let known = (back..edge).map(|i| (view.value(i), sky.get(i % context.day).copied().unwrap_or(0.0)));
            let (power, light) = known.filter(|(v, _)| v.is_finite()).fold((0.0, 0.0), |(p, s), (v, c)| (p + v, s + c));
            let index = if light > 0.0 { power / light } else { 0.0 };
            (0..context.horizon).map(|k| index * sky.get((view.origin + k) % context.day).copied().unwrap_or(0.0)).collect()
        }
    }
}

/// What the bases of the rows of all steps (see [`super::FeatureMatrix`]) are made of; any path of a load is taken apart likewise,
/// into the usual level, what the calendar makes of it, and how far from its normal it is.
pub fn base_shares(view: &View<'_>, bases: &[f64]) -> Vec<Shares> {
    let context = view.context;
    match context.kind {
        TargetKind::Load => {
            let step = |((plain, normal), &base): ((f64, f64), &f64)| match plain.is_finite() && normal.is_finite() {
                true => [plain, base - normal, 0.0, normal - plain],
                false => [base, 0.0, 0.0, 0.0],
            };
            plain_and_normal(view).into_iter().zip(bases).map(step).collect()
        }
        TargetKind::Wind => {
            let power = usual_power(view);
            let usual = |k: usize| power * damping(k as f64 / context.hour as f64);
            bases.iter().enumerate().map(|(k, base)| [usual(k), base - usual(k), 0.0, 0.0]).collect()
        }
        TargetKind::Solar => bases.iter().map(|base| [*base, 0.0, 0.0, 0.0]).collect(),
    }
}

/// Normals of every step: of a plain week, and of its own day.
fn plain_and_normal(view: &View<'_>) -> Vec<(f64, f64)> {
    let (normal, _) = view.normal();
    let step = |k: usize| {
        let moment = view.context.calendar.seen(view.origin + k, view.origin);
        (normal.plain(&moment, view.edge()), normal.value(&moment, view.edge()))
    };
    (0..view.context.horizon).map(step).collect()
}

fn or(value: f64, other: f64) -> f64 {
    if value.is_finite() { value } else { other }
}

#[cfg(test)]
mod tests {
    use super::{Features, Group, base_shares, usual};
    use crate::features::{Context, FeatureMatrix, TargetKind, View, load_rows, sample, solar_rows, tree_rows, wind_rows};

    fn with_view(target: &crate::features::Target, look: impl Fn(&View<'_>)) {
        let origin = target.frame.len;
        let context = Context::new(target, 48, &[sample::at(origin)]).unwrap();
        look(&context.view(origin));
    }

    #[test]
    fn spans_name_every_value() {
        let mut row = Features::new(4, true);
        row.add(Group::Recent, [1.0]);
        row.add(Group::Recent, [2.0]);
        let mut all = Features::new(0, true);
        all.add(Group::Weather, []);
        all.append(&row, false);
        all.append(&row, true);
        all.add(Group::Calendar, [3.0]);
        assert_eq!(all.values(), [0.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(all.groups(), [Group::Recent, Group::Recent, Group::Recent, Group::Recent, Group::Calendar]);
        let again = Features::of(all.values(), &all.groups(), true);
        assert_eq!((again.values(), again.groups()), (all.values(), all.groups()));
        assert!(Features::of(all.values(), &all.groups(), false).groups().is_empty());
    }

    #[test]
    fn every_column_of_every_kind_has_a_group() {
        for target in [sample::load(90), sample::wind(60), sample::solar(60)] {
            with_view(&target, |view| {
                let (mut own, mut linear, mut trees) =
                    (FeatureMatrix::default(), FeatureMatrix::default(), FeatureMatrix::default());
                match target.kind {
                    TargetKind::Load => load_rows(view, &[0, 5], &mut own),
                    TargetKind::Wind => wind_rows(view, &[0, 5], &mut own),
                    TargetKind::Solar => solar_rows(view, &[0, 5], &mut own),
                }
                tree_rows(view, &[0, 5], &mut linear, &mut trees);
                for matrix in [&own, &linear, &trees] {
                    assert_eq!(matrix.groups.len(), matrix.width);
                    assert!(matrix.groups[matrix.plain..].iter().all(|group| *group == Group::Weather));
                    assert!(matrix.groups.contains(&Group::Recent) && matrix.groups.contains(&Group::Usual));
                }
                assert!(trees.groups[..trees.plain].contains(&Group::Calendar), "{:?}", target.kind);
            });
        }
    }

    #[test]
    fn a_base_is_its_parts_and_a_weekend_is_calendar() {
        for target in [sample::load(120), sample::wind(60), sample::solar(60)] {
            with_view(&target, |view| {
                let bases: Vec<f64> = (0..48).map(|k| 90.0 + f64::from(k)).collect();
                let shares = base_shares(view, &bases);
                for (share, base) in shares.iter().zip(&bases) {
                    assert!((share.iter().sum::<f64>() - base).abs() < 1e-9);
                }
                assert!(usual(view).iter().all(|level| level.is_finite()));
            });
        }
        // 120 days after a Friday comes a Saturday; the sample's weekends lie 10 lower, its plain week 20 / 7.
        with_view(&sample::load(120), |view| {
            let level = usual(view);
            let shares = base_shares(view, &level);
            assert!((shares[12][3] + 10.0 - 20.0 / 7.0).abs() < 2.0, "{:?}", shares[12]);
        });
    }
}
