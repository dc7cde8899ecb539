//! The ground a forecast stands on: what the error of a step is compared by, and in units of what.
//!
//! In: a view. Out: one [`Ground`] per step ahead. It depends on the time only, not on what a model says, so it is computed once
//! per origin for all models.

use crate::features::{DayKind, Moment, TargetKind, View, envelope};
use std::sync::Arc;

/// How unlike others a day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rarity {
    /// Like many before it.
    #[default]
    Usual,
    /// A holiday or the day after one: errors are not those of other days.
    Holiday,
    /// From the day before the first day of an Eid to the day after the second: once or twice a year, and unlike any holiday.
    Feast,
}

/// One step ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ground {
    /// Civil time of day in `[0, 1)`.
    pub phase: f64,
    /// kW of one unit of error: level of a load, rated power of wind, clear sky of solar; 0 where there can be none (night).
    pub scale: f64,
    /// How unlike others its day is.
    pub rarity: Rarity,
    /// Standard deviation of what a feast seldom or never seen may do beyond what is expected of it, kW.
    pub doubt: f64,
}

/// Share of the rated power below which the clear sky counts as night.
const NIGHT: f64 = 1e-4;
/// Standard deviation of what a feast never seen does beyond what is expected of it, share of the level: as much as the prior of the
/// normal says that a feast does. It falls with the root of the feasts seen.
const FEAST: f64 = 0.08;

/// Ground of all steps of a view's horizon.
pub fn ground(view: &View<'_>) -> Vec<Ground> {
    let context = view.context;
    let capacity = view.capacity();
    let level = view.mean(7 * context.day, 0);
    let level = if level.is_finite() && level.abs() > 0.0 { level.abs() } else { 1.0 };
    let sky = if context.kind == TargetKind::Solar { envelope(view) } else { Arc::default() };
    let seen = feasts_seen(view);
    let step = |k: usize| {
        let index = view.origin + k;
        let moment = context.calendar.seen(index, view.origin);
        let scale = match context.kind {
            TargetKind::Load => level,
            TargetKind::Wind => capacity,
            TargetKind::Solar => sky.get(index % context.day).copied().filter(|sky| *sky > NIGHT * capacity).unwrap_or(0.0),
        };
        let rarity = rarity(&moment);
        let doubt = match (rarity, place(&moment.kind)) {
            (Rarity::Feast, Some(place)) if context.kind == TargetKind::Load => scale * FEAST / (1.0 + seen[place]).sqrt(),
            _ => 0.0,
        };
        Ground { phase: f64::from(moment.minute) / 1440.0, scale, rarity, doubt }
    };
    (0..context.horizon).map(step).collect()
}

/// Kind of a day at a civil time.
fn rarity(moment: &Moment) -> Rarity {
    if place(&moment.kind).is_some() {
        Rarity::Feast
    } else if moment.kind.holiday >= 0.5 || moment.before.holiday >= 0.5 {
        Rarity::Holiday
    } else {
        Rarity::Usual
    }
}

/// Place in the days around an Eid, from the day before its first to the day after its second.
fn place(kind: &DayKind) -> Option<usize> {
    (2..6).find(|&i| kind.fitr[i] + kind.adha[i] >= 0.5)
}

/// Days whose load is known, by their place around an Eid.
fn feasts_seen(view: &View<'_>) -> [f64; 7] {
    let (context, mut seen) = (view.context, [0.0; 7]);
    if context.kind == TargetKind::Load {
        for index in (context.day / 2..view.edge()).step_by(context.day) {
            if let Some(place) = place(&context.calendar.at(index).kind).filter(|_| view.value(index).is_finite()) {
                seen[place] += 1.0;
            }
        }
    }
    seen
}

/// State of a forecast `value`: time of day, level, or clear-sky index.
pub(super) fn state(kind: TargetKind, ground: Ground, value: f64) -> f64 {
    match kind {
        TargetKind::Load => ground.phase,
        TargetKind::Wind | TargetKind::Solar => value / ground.scale,
    }
}

#[cfg(test)]
mod tests {
    use super::{FEAST, Rarity, ground};
    use crate::features::{Context, sample};

    #[test]
    fn doubt_falls_with_the_feasts_seen() {
        // Eid al-Fitr was on 13 May 2021 in Morocco, Eid al-Adha on 21 July; the sample begins on 1 January 2021.
        let look = |zone: &str, days: usize| {
            let mut target = sample::load(days);
            target.frame.asset.timezone = zone.into();
            let origin = target.frame.len;
            let context = Context::new(&target, 24 * 7, &[sample::at(origin)]).unwrap();
            ground(&context.view(origin)).into_iter().step_by(24).map(|g| (g.rarity, g.doubt / g.scale)).collect::<Vec<_>>()
        };
        let most = |days: &[(Rarity, f64)]| days.iter().map(|(_, doubt)| *doubt).fold(0.0, f64::max);
        let (first, second) = (look("Africa/Casablanca", 129), look("Africa/Casablanca", 198));
        assert!((most(&first) - FEAST).abs() < 1e-9, "{first:?}");
        assert!((most(&second) - FEAST / 2.0_f64.sqrt()).abs() < 1e-9, "{second:?}");
        // Before the moon is sighted the first day is on either of two dates: four days of the feast may be any of five.
        assert_eq!(first.iter().filter(|(rarity, _)| *rarity == Rarity::Feast).count(), 5, "{first:?}");
        let elsewhere = look("Europe/Paris", 129);
        assert!(elsewhere.iter().all(|day| *day == (Rarity::Usual, 0.0)), "{elsewhere:?}");
        let thanksgiving = look("America/New_York", 325);
        assert!(thanksgiving.contains(&(Rarity::Holiday, 0.0)) && most(&thanksgiving) == 0.0, "{thanksgiving:?}");
    }
}
