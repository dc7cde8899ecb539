//! How rare a template is on a machine: learnt online, never from the future.
//!
//! In: templates as they come, per machine. Out: surprise in bits: -log2 of the chance that a day of this machine brings the template.
//! The rate of a machine leans on that of the fleet until its own days speak (gamma-Poisson, Gelman et al., Bayesian Data Analysis, 3rd
//! ed., section 2.6). A template that came within a day is no news.

use crate::domain::AssetId;
use crate::domain::Timestamp;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Days of a machine for which the fleet speaks.
const BORROWED_DAYS: f64 = 14.0;
/// A template that came this recently is the same matter.
const SAME: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Default)]
pub(super) struct Rarity {
    begin: Option<Timestamp>,
    machines: BTreeSet<AssetId>,
    fleet: BTreeMap<String, f64>,
    own: BTreeMap<(AssetId, String), (f64, Timestamp)>,
}

impl Rarity {
    /// Bits of surprise of a template now; counts it.
    pub(super) fn surprise(&mut self, asset: &AssetId, template: &str, now: Timestamp) -> f64 {
        let begin = *self.begin.get_or_insert(now);
        self.machines.insert(asset.clone());
        let days = now.duration_since(begin).as_secs_f64() / 86_400.0;
        let key = (asset.clone(), template.to_owned());
        let (count, last) = self.own.get(&key).copied().unwrap_or((0.0, Timestamp::MIN));
        let fleet_days = days * self.machines.len() as f64;
        let fleet = (self.fleet.get(template).copied().unwrap_or(0.0) + 0.5) / (fleet_days + 1.0);
        let rate = (count + BORROWED_DAYS * fleet) / (days + BORROWED_DAYS);
        let recent = count > 0.0 && now.duration_since(last) < SAME;
        let counted = if recent { count } else { count + 1.0 };
        self.own.insert(key, (counted, now));
        if recent {
            return 0.0;
        }
        *self.fleet.entry(template.to_owned()).or_default() += 1.0;
        -(1.0 - (-rate).exp()).log2()
    }
}

#[cfg(test)]
mod tests {
    use super::Rarity;
    use crate::domain::{AssetId, Timestamp};
    use jiff::SignedDuration;

    #[test]
    fn what_comes_daily_is_common_and_what_never_came_is_rare() {
        let mut rarity = Rarity::default();
        let (a, b) = (AssetId::parse("T1").unwrap(), AssetId::parse("T2").unwrap());
        let at = |hours: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        assert!(rarity.surprise(&a, "fan", at(0)) < 2.0, "on the first day nothing is rare");
        for day in 1..60 {
            rarity.surprise(&a, "fan", at(25 * day));
            rarity.surprise(&b, "hello", at(25 * day));
        }
        assert_eq!(rarity.surprise(&a, "fan", at(25 * 59 + 1)), 0.0, "the same matter");
        assert!(rarity.surprise(&a, "fan", at(1600)) < 1.0);
        let never = rarity.surprise(&a, "leak", at(1600));
        let other = rarity.surprise(&b, "leak", at(1601));
        // By hand: half a case and then one and a half on twice 66.7 days; 14 days of that on 66.7 silent ones of its own.
        let bits = |cases: f64, days: f64| -(1.0 - (-14.0 * cases / (2.0 * days + 1.0) / (days + 14.0)).exp()).log2();
        assert!((never - bits(0.5, 1600.0 / 24.0)).abs() < 1e-9 && never > 10.0, "never seen: {never}");
        assert!((other - bits(1.5, 1601.0 / 24.0)).abs() < 1e-9, "seen on a neighbour: {other}");
        assert!((1.5..1.6).contains(&(never - other)), "three times as likely once a neighbour had it: {never}, {other}");
    }
}
