//! What a series should read next: a few simple rivals, mixed by how well each has done of late.
//!
//! In: times and values. Out: two expectations per row, both made before the value is seen: a quick one, which knows the last
//! value, for single odd values, and a slow one, which does not, for values that stay odd. Constant cost per row.

use super::season::Season;

/// Exponent on the inverse errors; four follows the best rival and averages equals.
const SHARPNESS: i32 = 4;
/// Memory of the rivals' errors, rows.
const ERRORS: f64 = 300.0;

/// An average that starts as a plain mean and then forgets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Average {
    pub(super) level: f64,
    rows: f64,
    memory: f64,
}

impl Average {
    pub(super) const fn new(memory: f64) -> Self {
        Self { level: 0.0, rows: 0.0, memory }
    }

    pub(super) fn learn(&mut self, value: f64) {
        self.rows = (self.rows + 1.0).min(self.memory);
        self.level += (value - self.level) / self.rows;
    }

    pub(super) fn known(&self) -> Option<f64> {
        (self.rows > 0.0).then_some(self.level)
    }
}

/// Rivals of one kind with their errors.
#[derive(Debug, Clone)]
struct Mixture {
    errors: Vec<Average>,
    last: Vec<Option<f64>>,
}

impl Mixture {
    fn new(rivals: usize) -> Self {
        Self { errors: vec![Average::new(ERRORS); rivals], last: vec![None; rivals] }
    }

    fn expect(&mut self, rivals: &[Option<f64>]) -> Option<f64> {
        self.last.clear();
        self.last.extend_from_slice(rivals);
        let least = self.errors.iter().filter_map(Average::known).fold(f64::INFINITY, f64::min);
        let (mut sum, mut weights) = (0.0, 0.0);
        for (rival, error) in rivals.iter().zip(&self.errors) {
            let Some(value) = rival else { continue };
            // A rival that has not been tried yet counts as the worst half.
            let ratio = error.known().map_or(0.5, |error| if error > 0.0 { (least / error).max(1e-3) } else { 1.0 });
            let weight = ratio.powi(SHARPNESS);
            sum += weight * value;
            weights += weight;
        }
        (weights > 0.0).then(|| sum / weights)
    }

    fn learn(&mut self, value: f64, clip: f64) {
        for (rival, error) in self.last.iter().zip(&mut self.errors) {
            if let Some(rival) = rival {
                error.learn((value - rival).abs().min(clip));
            }
        }
    }
}

/// The two expectations of one series.
#[derive(Debug, Clone)]
pub(super) struct Expectation {
    last: Option<(f64, Option<f64>)>,
    short: Average,
    long: Average,
    day: Option<(Season, Average)>,
    week: Option<(Season, Average)>,
    quick: Mixture,
    slow: Mixture,
}

impl Expectation {
    /// For rows about `spacing` seconds apart.
    pub(super) fn new(spacing: i64) -> Self {
        let per_day = (86_400.0 / spacing.max(1) as f64).max(1.0);
        let season = |period, slots, memory, days: f64| {
            Season::new(period, spacing, slots, memory).map(|season| (season, Average::new((days * per_day).max(50.0))))
        };
        Self {
            last: None,
            short: Average::new(4.0),
            long: Average::new(per_day.clamp(60.0, 400.0)),
            day: season(86_400, 288, 8.0, 2.0),
            week: season(7 * 86_400, 336, 6.0, 7.0),
            quick: Mixture::new(5),
            slow: Mixture::new(3),
        }
    }

    /// What is expected at a time: quick and slow. `None` on the first row.
    pub(super) fn expect(&mut self, second: i64) -> Option<(f64, f64)> {
        let at = |season: &Option<(Season, Average)>| {
            let (season, offset) = season.as_ref()?;
            Some(season.expect(second)? + offset.level)
        };
        let (day, week) = (at(&self.day), at(&self.week));
        let slow = self.slow.expect(&[self.long.known(), day, week])?;
        let (last, usual_then) = self.last?;
        let usual = week.or(day);
        let moved = usual.zip(usual_then).map(|(now, then)| last + now - then);
        let quick = self.quick.expect(&[Some(last), self.short.known(), Some(slow), moved, day])?;
        Some((quick, slow))
    }

    /// Takes the value in. Errors beyond `clip` count as that.
    pub(super) fn learn(&mut self, second: i64, value: f64, clip: f64) {
        self.quick.learn(value, clip);
        self.slow.learn(value, clip);
        let mut usual = None;
        for season in [&mut self.day, &mut self.week] {
            let Some((season, offset)) = season else { continue };
            if let Some(expected) = season.expect(second) {
                usual = Some(expected + offset.level);
                offset.learn((value - expected).clamp(offset.level - clip, offset.level + clip));
            }
            season.learn(second, value);
        }
        self.last = Some((value, usual));
        self.short.learn(value);
        self.long.learn(value);
    }
}

#[cfg(test)]
mod tests {
    use super::Expectation;

    #[test]
    fn learns_a_day_and_a_level() {
        let mut expectation = Expectation::new(3600);
        let wave = |hour: i64| 10.0 + 5.0 * (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
        assert_eq!(expectation.expect(0), None);
        for hour in 0..24 * 21 {
            expectation.expect(hour * 3600);
            expectation.learn(hour * 3600, wave(hour), 100.0);
        }
        let next = 24 * 21 + 6;
        let (_, slow) = expectation.expect(next * 3600).unwrap();
        assert!((slow - wave(next)).abs() < 0.3, "{slow} for {}", wave(next));
    }
}
