//! Temperatures inside an oil-filled transformer from its load and the air around it, and what they cost in life.
//!
//! In: load factor and ambient temperature, step by step. Out: top-oil and hot-spot temperature, ageing rate. Source: IEC
//! 60076-7:2018, 8.2 (differential equations), 6 (ageing), tables of recommended characteristics and of limits; solved
//! exactly for a load that is constant within a step, so no step is too long.

/// Thermal characteristics, in the letters of the standard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Characteristics {
    /// Top-oil rise at rated losses, K.
    pub(crate) oil_rise: f64,
    /// Hot-spot over top-oil at rated current, K.
    pub(crate) hot_spot_rise: f64,
    /// Load losses over no-load losses at rated current.
    pub(crate) loss_ratio: f64,
    /// Exponents of oil and winding, x and y.
    pub(crate) exponents: (f64, f64),
    /// k₁₁, k₂₁, k₂₂.
    pub(crate) k: (f64, f64, f64),
    /// Time constants of oil and winding, minutes.
    pub(crate) minutes: (f64, f64),
}

/// How the heat leaves, and the size it goes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cooling {
    /// Distribution transformer, oil and air by themselves.
    OnanSmall,
    /// Oil and air by themselves.
    Onan,
    /// Fans.
    Onaf,
}

impl Cooling {
    /// The recommended characteristics.
    pub(crate) const fn characteristics(self) -> Characteristics {
        match self {
            Self::OnanSmall => Characteristics {
                oil_rise: 55.0,
                hot_spot_rise: 23.0,
                loss_ratio: 5.0,
                exponents: (0.8, 1.6),
                k: (1.0, 1.0, 2.0),
                minutes: (180.0, 4.0),
            },
            Self::Onan => Characteristics { minutes: (210.0, 10.0), ..Self::Onaf.characteristics() },
            Self::Onaf => Characteristics {
                oil_rise: 52.0,
                hot_spot_rise: 26.0,
                loss_ratio: 6.0,
                exponents: (0.8, 1.3),
                k: (0.5, 2.0, 2.0),
                minutes: (150.0, 7.0),
            },
        }
    }
}

/// Limits of loading beyond the nameplate; current in shares of the rated one, temperatures in °C.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Loading {
    pub(crate) current: f64,
    pub(crate) hot_spot: f64,
    pub(crate) top_oil: f64,
}

/// Normal cyclic loading and long-time emergency loading for a rated power in kVA: distribution up to 2.5 MVA, medium power
/// up to 100 MVA, large above.
pub(crate) const fn limits(rated_kva: f64) -> (Loading, Loading) {
    let (normal, emergency) = if rated_kva <= 2500.0 {
        (1.5, 1.8)
    } else if rated_kva <= 100_000.0 {
        (1.5, 1.5)
    } else {
        (1.3, 1.3)
    };
    (Loading { current: normal, hot_spot: 120.0, top_oil: 105.0 }, Loading { current: emergency, hot_spot: 140.0, top_oil: 115.0 })
}

/// The temperatures of one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Thermal {
    /// °C.
    pub(crate) top_oil: f64,
    quick: f64,
    slow: f64,
}

impl Characteristics {
    /// Rise of the top oil over the air that a steady load ends in, K.
    pub(crate) fn oil_rise_at(&self, load: f64) -> f64 {
        ((1.0 + self.loss_ratio * load * load) / (1.0 + self.loss_ratio)).powf(self.exponents.0) * self.oil_rise
    }

    /// Where a steady load ends.
    pub(crate) fn steady(&self, load: f64, ambient: f64) -> Thermal {
        let (_, k21, _) = self.k;
        let rise = load.powf(self.exponents.1) * self.hot_spot_rise;
        Thermal { top_oil: ambient + self.oil_rise_at(load), quick: k21 * rise, slow: (k21 - 1.0) * rise }
    }

    /// `minutes` later under a load and an ambient temperature that stay.
    pub(crate) fn after(&self, now: Thermal, load: f64, ambient: f64, minutes: f64) -> Thermal {
        let (k11, _, k22) = self.k;
        let (oil, winding) = self.minutes;
        let end = self.steady(load, ambient);
        let towards = |from: f64, to: f64, constant: f64| to + (from - to) * (-minutes / constant).exp();
        Thermal {
            top_oil: towards(now.top_oil, end.top_oil, k11 * oil),
            quick: towards(now.quick, end.quick, k22 * winding),
            slow: towards(now.slow, end.slow, oil / k22),
        }
    }
}

impl Thermal {
    /// °C.
    pub(crate) fn hot_spot(&self) -> f64 {
        self.top_oil + self.quick - self.slow
    }
}

/// Days of life lost per day at a hot-spot temperature; 1 at 98 °C for kraft paper, at 110 °C for thermally upgraded paper.
pub(crate) fn ageing(hot_spot: f64, upgraded: bool) -> f64 {
    if upgraded { (15_000.0 / (110.0 + 273.0) - 15_000.0 / (hot_spot + 273.0)).exp() } else { ((hot_spot - 98.0) / 6.0).exp2() }
}

#[cfg(test)]
mod tests {
    use super::{Characteristics, Cooling, Thermal, ageing, limits};

    /// The example of the standard: 250 MVA ONAF, load steps from a steady 25.6 °C without load.
    const EXAMPLE: Characteristics = Characteristics {
        oil_rise: 38.3,
        hot_spot_rise: 1.4 * 14.5,
        loss_ratio: 1000.0,
        exponents: (0.8, 1.3),
        k: (0.5, 2.0, 2.0),
        minutes: (150.0, 7.0),
    };
    const STEPS: [(f64, f64); 6] = [(1.0, 190.0), (0.6, 175.0), (1.5, 135.0), (0.3, 205.0), (2.1, 25.0), (0.0, 15.0)];

    /// The three equations by the rule of Euler, a hundredth of a minute at a time.
    fn integrated(c: &Characteristics, steps: &[(f64, f64)], ambient: f64) -> (f64, f64) {
        let (mut oil, mut quick, mut slow, dt) = (ambient, 0.0, 0.0, 0.01);
        for &(load, minutes) in steps {
            for _ in 0..(minutes / dt).round() as usize {
                let losses = (1.0 + load * load * c.loss_ratio) / (1.0 + c.loss_ratio);
                let rise = load.powf(c.exponents.1) * c.hot_spot_rise;
                oil += dt / (c.k.0 * c.minutes.0) * (losses.powf(c.exponents.0) * c.oil_rise - (oil - ambient));
                quick += dt / (c.k.2 * c.minutes.1) * (c.k.1 * rise - quick);
                slow += dt / (c.minutes.0 / c.k.2) * ((c.k.1 - 1.0) * rise - slow);
            }
        }
        (oil, oil + quick - slow)
    }

    #[test]
    fn equals_an_integration_of_the_equations() {
        for c in [EXAMPLE, Cooling::OnanSmall.characteristics(), Cooling::Onan.characteristics()] {
            let mut now = Thermal { top_oil: 25.6, quick: 0.0, slow: 0.0 };
            for (i, (load, minutes)) in STEPS.into_iter().enumerate() {
                now = c.after(now, load, 25.6, minutes);
                let (oil, hot) = integrated(&c, &STEPS[..=i], 25.6);
                assert!((now.top_oil - oil).abs() < 0.05 && (now.hot_spot() - hot).abs() < 0.05, "step {i}: {oil} {hot}, {now:?}");
            }
        }
    }

    #[test]
    fn steady_states_ageing_and_limits() {
        let onaf = Cooling::Onaf.characteristics();
        let rated = onaf.steady(1.0, 20.0);
        assert!((rated.top_oil - 72.0).abs() < 1e-9 && (rated.hot_spot() - 98.0).abs() < 1e-9, "the standard's 98 °C at 20 °C");
        // Table of relative ageing rates in the standard: kraft 80, 86, 92, 98, 104, 110; upgraded 98, 104, 110, 116, 140.
        for (hot, kraft) in [(80.0, 0.125), (86.0, 0.25), (92.0, 0.5), (98.0, 1.0), (104.0, 2.0), (140.0, 128.0)] {
            assert!((ageing(hot, false) / kraft - 1.0).abs() < 1e-9);
        }
        for (hot, upgraded) in [(80.0, 0.036), (98.0, 0.282), (104.0, 0.536), (110.0, 1.0), (116.0, 1.83), (140.0, 17.2)] {
            assert!((ageing(hot, true) / upgraded - 1.0).abs() < 0.02, "{hot}: {}", ageing(hot, true));
        }
        assert_eq!(limits(1000.0).1.current, 1.8);
        assert_eq!(limits(40_000.0).0.current, 1.5);
        assert_eq!(limits(250_000.0).0.current, 1.3);
    }
}
