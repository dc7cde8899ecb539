//! What a dispatcher reads off scenarios: how likely a ramp is, and how much reserve a net load needs.
//!
//! In: [`Scenarios`], which go together in time (for ramps) and across series (for sums). Out: probabilities and kW per step.

use super::scenario::{Scenarios, quantile_of};
use crate::domain::Quantile;

/// Why a product could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProductError {
    /// A series that was not drawn.
    #[error("series {series} was asked for, scenarios hold {held}: draw scenarios of it first")]
    NoSeries {
        /// Which, from 0.
        series: usize,
        /// Series there are.
        held: usize,
    },
    /// A window without a second step, or longer than the forecast.
    #[error(
        "a ramp within {window} steps of a forecast of {steps} steps: give a window of 1 step to one less than the forecast has"
    )]
    Window {
        /// Steps of the window.
        window: usize,
        /// Steps of the forecast.
        steps: usize,
    },
    /// A threshold that every change exceeds, or none.
    #[error("a ramp of more than {threshold} kW: give a positive number")]
    Threshold {
        /// The threshold.
        threshold: f64,
    },
    /// Low and high in the wrong order.
    #[error("reserve between the quantiles {low} and {high}: give the lower one first")]
    Order {
        /// Lower probability.
        low: f64,
        /// Upper probability.
        high: f64,
    },
}

/// What counts as a ramp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RampRequest {
    /// A change of more than this, stored unit (kW).
    pub threshold: f64,
    /// Within at most this many steps.
    pub window: usize,
}

/// How likely a ramp begins at a step: share of scenarios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RampRisk {
    /// Step the window begins at.
    pub step: usize,
    /// A rise of more than the threshold above the value of the step, at any later step of the window.
    pub up: f64,
    /// A fall, likewise.
    pub down: f64,
    /// Either of them.
    pub either: f64,
}

/// Ramps of a whole forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Ramps {
    /// One row per step at which a whole window fits.
    pub steps: Vec<RampRisk>,
    /// Share of scenarios with a ramp anywhere in the forecast.
    pub any: f64,
}

/// Probability that the value changes by more than a threshold within a window, per step: `P(max_{0<d≤window} |x(t+d) − x(t)| >
/// threshold)`, the definition of Ferreira et al. (2010), "A survey on wind power ramp forecasting", Argonne ANL/DIS-10-13,
/// Steps with NaN count as no ramp.
///
/// # Errors
/// [`ProductError`]: no such series, a window that does not fit, a threshold that is not positive.
pub fn ramps(scenarios: &Scenarios, series: usize, request: &RampRequest) -> Result<Ramps, ProductError> {
    let (steps, count) = (scenarios.steps(), scenarios.count());
    let RampRequest { threshold, window } = *request;
    if series >= scenarios.series() {
        return Err(ProductError::NoSeries { series, held: scenarios.series() });
    }
    if window == 0 || window >= steps {
        return Err(ProductError::Window { window, steps });
    }
    if !(threshold > 0.0 && threshold.is_finite()) {
        return Err(ProductError::Threshold { threshold });
    }
    let mut hits = vec![[0_usize; 3]; steps - window];
    let mut any = 0_usize;
    for scenario in 0..count {
        let path = scenarios.path(series, scenario);
        let mut met = false;
        for (hit, ahead) in hits.iter_mut().zip(path.windows(window + 1)) {
            let up = ahead[1..].iter().any(|value| value - ahead[0] > threshold);
            let down = ahead[1..].iter().any(|value| ahead[0] - value > threshold);
            for (cell, is) in hit.iter_mut().zip([up, down, up || down]) {
                *cell += usize::from(is);
            }
            met |= up || down;
        }
        any += usize::from(met);
    }
    let share = |hits: usize| hits as f64 / count as f64;
    let risk = |(step, [up, down, either]): (usize, [usize; 3])| RampRisk {
        step,
        up: share(up),
        down: share(down),
        either: share(either),
    };
    Ok(Ramps { steps: hits.into_iter().enumerate().map(risk).collect(), any: share(any) })
}

/// What a step may need, stored unit (kW). NaN where a scenario of the step is missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reserve {
    /// Which step.
    pub step: usize,
    /// Mean of the scenarios: what is scheduled.
    pub expected: f64,
    /// Lower quantile.
    pub low: f64,
    /// Upper quantile.
    pub high: f64,
    /// Reserve that must be able to rise: `high − expected`, not below 0.
    pub upward: f64,
    /// Reserve that must be able to fall: `expected − low`, not below 0.
    pub downward: f64,
}

/// Signed sum of series in every scenario: net load = load − wind − solar as `[(load, 1), (wind, -1), (solar, -1)]`. One series.
///
/// # Errors
/// [`ProductError::NoSeries`].
pub fn combined(scenarios: &Scenarios, parts: &[(usize, f64)]) -> Result<Scenarios, ProductError> {
    if let Some(&(series, _)) = parts.iter().find(|(series, _)| *series >= scenarios.series()) {
        return Err(ProductError::NoSeries { series, held: scenarios.series() });
    }
    let mut sum = Scenarios::empty(1, scenarios.steps(), scenarios.count());
    for step in 0..scenarios.steps() {
        for (scenario, cell) in sum.at_mut(0, step).iter_mut().enumerate() {
            *cell = parts.iter().map(|&(series, factor)| factor * scenarios.at(series, step)[scenario]).sum();
        }
    }
    Ok(sum)
}

/// The band of a series (of net load: with 0.05 and 0.95) and the reserve it asks for, per step.
///
/// # Errors
/// [`ProductError`]: no such series, quantiles in the wrong order.
pub fn reserve(scenarios: &Scenarios, series: usize, low: Quantile, high: Quantile) -> Result<Vec<Reserve>, ProductError> {
    if series >= scenarios.series() {
        return Err(ProductError::NoSeries { series, held: scenarios.series() });
    }
    if low >= high {
        return Err(ProductError::Order { low: low.value(), high: high.value() });
    }
    let at = |step: usize| {
        let mut sorted = scenarios.at(series, step).to_vec();
        let expected = sorted.iter().sum::<f64>() / sorted.len() as f64;
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (quantile_of(&sorted, low), quantile_of(&sorted, high));
        let need = |gap: f64| if gap.is_nan() { gap } else { gap.max(0.0) };
        Reserve { step, expected, low, high, upward: need(high - expected), downward: need(expected - low) }
    };
    Ok((0..scenarios.steps()).map(at).collect())
}

#[cfg(test)]
mod tests {
    use super::{ProductError, RampRequest, combined, ramps, reserve};
    use crate::domain::Quantile;
    use crate::models::Scenarios;

    /// One series, four scenarios over five steps.
    fn four() -> Scenarios {
        let paths = [[0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 5.0, 10.0, 10.0, 10.0], [9.0, 9.0, 9.0, 1.0, 9.0], [0.0, 0.0, 3.0, 6.0, 9.0]];
        let mut scenarios = Scenarios::empty(1, 5, 4);
        for (scenario, path) in paths.iter().enumerate() {
            for (step, value) in path.iter().enumerate() {
                scenarios.at_mut(0, step)[scenario] = *value;
            }
        }
        scenarios
    }

    #[test]
    fn ramps_are_counted_within_their_window() {
        let found = ramps(&four(), 0, &RampRequest { threshold: 5.5, window: 2 }).unwrap();
        let rows: Vec<(f64, f64, f64)> = found.steps.iter().map(|row| (row.up, row.down, row.either)).collect();
        // From step 0: 0 → 10. From 1: 9 → 1 down, 0 → 6 up. From 2: 9 → 1 down, 3 → 9 up.
        assert_eq!(rows, [(0.25, 0.0, 0.25), (0.25, 0.25, 0.5), (0.25, 0.25, 0.5)]);
        assert_eq!(found.any, 0.75);
        let slower = ramps(&four(), 0, &RampRequest { threshold: 5.5, window: 1 }).unwrap();
        assert_eq!(slower.any, 0.25);
        assert_eq!(slower.steps.len(), 4);
    }

    #[test]
    fn requests_that_make_no_sense_are_refused() {
        let ask = |series, threshold, window| ramps(&four(), series, &RampRequest { threshold, window });
        assert_eq!(ask(1, 1.0, 2), Err(ProductError::NoSeries { series: 1, held: 1 }));
        assert_eq!(ask(0, 1.0, 5), Err(ProductError::Window { window: 5, steps: 5 }));
        assert_eq!(ask(0, 1.0, 0), Err(ProductError::Window { window: 0, steps: 5 }));
        assert!(matches!(ask(0, f64::NAN, 2), Err(ProductError::Threshold { .. })));
        let [low, high] = [0.05, 0.95].map(|p| Quantile::new(p).unwrap());
        assert!(matches!(reserve(&four(), 0, high, low), Err(ProductError::Order { .. })));
        assert!(combined(&four(), &[(0, 1.0), (3, -1.0)]).is_err());
    }

    #[test]
    fn reserve_is_the_band_of_the_joint_sum() {
        // Load 100 … 199 and wind 0 … 99: they rise together, so net load is always 100.
        let mut scenarios = Scenarios::empty(2, 1, 100);
        for scenario in 0..100 {
            scenarios.at_mut(0, 0)[scenario] = 100.0 + scenario as f64;
            scenarios.at_mut(1, 0)[scenario] = scenario as f64;
        }
        let [low, high] = [0.05, 0.95].map(|p| Quantile::new(p).unwrap());
        let net = combined(&scenarios, &[(0, 1.0), (1, -1.0)]).unwrap();
        let row = reserve(&net, 0, low, high).unwrap()[0];
        assert_eq!((row.expected, row.low, row.high, row.upward, row.downward), (100.0, 100.0, 100.0, 0.0, 0.0));
        let load = reserve(&scenarios, 0, low, high).unwrap()[0];
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        close(load.low, 104.5);
        close(load.high, 194.5);
        close(load.expected, 149.5);
        close(load.upward, 45.0);
        close(load.downward, 45.0);
    }
}
