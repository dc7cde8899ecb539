//! Why a model says what it says, for models without features.
//!
//! In: a view and the path a model gave. Out: what each group of inputs gives to it. Models with features count theirs: linear ones
//! coefficient × deviation from the mean of the fit, trees along their paths; see [`super::FittedForecaster::reasons`].

use crate::features::{Group, Shares, View, usual};

/// The usual level, and all that a path differs from it as one group's.
pub(super) fn from_usual(view: &View<'_>, said: &[f64], rest: Group) -> Vec<Shares> {
    let step = |(said, usual): (&f64, f64)| {
        let mut shares = Shares::default();
        shares[Group::Usual as usize] = usual;
        shares[rest as usize] += said - usual;
        shares
    };
    said.iter().zip(usual(view)).map(step).collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::Quantile;
    use crate::features::{Context, Group, TargetKind, sample};
    use crate::models::candidates;

    /// Every candidate of every kind takes its own path apart completely, before clipping.
    #[test]
    fn every_path_is_the_sum_of_its_reasons() {
        let quantiles = Quantile::deciles();
        for target in [sample::load(120), sample::wind(70), sample::solar(120)] {
            let origin = target.frame.len - 48;
            let context = Context::new(&target, 24, &[sample::at(origin)]).unwrap();
            let view = context.view(origin);
            let mut told = 0;
            for model in candidates(target.kind, !target.weather.rows.is_empty()) {
                let Ok(fitted) = model.fit(&view) else { continue };
                let Ok(outlook) = fitted.outlook(&view, &quantiles) else { continue };
                let middle = |k: usize| outlook.quantiles.as_ref().map_or(outlook.path[k], |rows| rows[k][4]);
                let said: Vec<f64> = (0..24).map(middle).collect();
                let reasons = fitted.reasons(&view, &said);
                assert_eq!(reasons.len(), 24, "{}", model.name());
                let (low, high) = view.bounds();
                for (shares, said) in reasons.iter().zip(&said).filter(|(_, said)| **said > low && **said < high) {
                    let sum: f64 = shares.iter().sum();
                    assert!((sum - said).abs() < 0.002 * said.abs() + 0.01, "{}: {shares:?} are not {said}", model.name());
                }
                told += 1;
            }
            assert!(told >= 7, "{:?}: {told} models", target.kind);
        }
    }

    #[test]
    fn wind_that_changes_is_weather_and_a_flat_line_is_usual() {
        let target = sample::wind(70);
        let origin = target.frame.len - 48;
        let context = Context::new(&target, 48, &[sample::at(origin)]).unwrap();
        let view = context.view(origin);
        let mean = view.series().mean(0, view.edge());
        for model in candidates(TargetKind::Wind, true) {
            let (Ok(fitted), true) = (model.fit(&view), ["ridge", "boosted", "waves", "power_curve"].contains(&model.name()))
            else {
                continue;
            };
            let outlook = fitted.outlook(&view, &Quantile::deciles()).unwrap();
            let middle = |k: usize| outlook.quantiles.as_ref().map_or(outlook.path[k], |rows| rows[k][4]);
            let said: Vec<f64> = (0..48).map(middle).collect();
            let reasons = fitted.reasons(&view, &said);
            // A day ahead the level of now says nothing any more: what moves is the forecast wind.
            let size = |group: Group| (24..48).map(|k| reasons[k][group as usize].abs()).sum::<f64>();
            assert!(size(Group::Weather) > 3.0 * size(Group::Recent), "{}: {reasons:?}", model.name());
            let usual = (24..48).map(|k| reasons[k][0]).sum::<f64>() / 24.0;
            assert!((usual - mean).abs() < 0.35 * mean, "{}: {usual} is not {mean}", model.name());
            let follows = (24..48).filter(|&k| (said[k] - usual) * reasons[k][Group::Weather as usize] > 0.0).count();
            assert!(follows >= 20, "{}: {follows} of 24", model.name());
        }
    }
}
