//! How much of a forecast the outages and curtailments known at its issue time leave.
//!
//! In: a target with its annotations, an issue time, the steps. Out: a share and a ceiling per step. A plant's own limit (or that of
//! an asset above it) is a ceiling; a child wholly out of service takes its share of the rated power off its parent, a derated child
//! lowers the parent's ceiling. A step counts as under an annotation when the middle of its interval is.

use super::Target;
use super::circumstances::{Forces, interval};
use crate::domain::{Timestamp, micros};

/// What is left of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling {
    /// Share of what the models say, 0 to 1.
    pub share: f64,
    /// Most power, kW; infinite without a limit.
    pub most: f64,
}

impl Ceiling {
    /// The value that is left of `value`; power taken in stays as it is.
    pub fn of(&self, value: f64) -> f64 {
        let scaled = if value > 0.0 { value * self.share } else { value };
        scaled.min(self.most)
    }
}

/// One ceiling per step, `None` when nothing known at `issue_time` lowers any of them. A step that is not lowered has share 1 and
/// no limit.
pub fn ceilings(target: &Target, issue_time: Timestamp, steps: &[Timestamp]) -> Option<Vec<Ceiling>> {
    let (first, last) = (steps.iter().min()?, steps.iter().max()?);
    let (from, to) = (interval(target, micros(*first)).0, interval(target, micros(*last)).1);
    let forces = Forces::known(target, issue_time, from, to)?;
    let ceilings = steps.iter().map(|step| {
        let (from, to) = interval(target, micros(*step));
        let force = forces.over(from, to);
        Ceiling { share: force.share, most: force.most }
    });
    let ceilings: Vec<Ceiling> = ceilings.collect();
    ceilings.iter().any(|ceiling| ceiling.share < 1.0 || ceiling.most.is_finite()).then_some(ceilings)
}

#[cfg(test)]
mod tests {
    use super::{Ceiling, ceilings};
    use crate::domain::{Annotation, AnnotationKind, AssetId, AssetKind};
    use crate::features::{Target, TargetKind, sample};

    /// Something on `asset` from hour `from` to hour `to`, known at hour `known`.
    fn note(asset: &str, kind: AnnotationKind, (from, to): (usize, usize), capacity_kw: Option<f64>, known: usize) -> Annotation {
        Annotation {
            asset: Some(AssetId::parse(asset).unwrap()),
            kind,
            start: sample::at(from),
            end: Some(sample::at(to)),
            capacity_kw,
            text: String::new(),
            available_at: sample::at(known),
            withdrawn: false,
            author: None,
        }
    }

    /// A plant of 100 kW with turbines of 60 and 40 kW, below a park.
    fn plant(annotations: Vec<Annotation>) -> Target {
        let mut target = sample::target(TargetKind::Wind, 10, |_| 50.0);
        target.frame.asset.kind = AssetKind::WindPlant;
        let id = |text: &str| AssetId::parse(text).unwrap();
        target.circumstances.above = vec![id("park")];
        target.circumstances.below = vec![(id("T1"), 60.0), (id("T2"), 40.0)];
        target.circumstances.annotations = annotations;
        target
    }

    fn of(annotations: Vec<Annotation>, issue: usize) -> Option<Vec<Ceiling>> {
        let steps: Vec<_> = (100..106).map(sample::at).collect();
        ceilings(&plant(annotations), sample::at(issue), &steps)
    }

    #[test]
    fn an_outage_is_a_ceiling_of_nothing_for_as_long_as_it_lasts() {
        let outage = || vec![note("sample", AnnotationKind::PlannedOutage, (102, 104), None, 99)];
        let found = of(outage(), 100).unwrap();
        let most: Vec<f64> = found.iter().map(|ceiling| ceiling.most).collect();
        assert_eq!(most, [f64::INFINITY, f64::INFINITY, 0.0, 0.0, f64::INFINITY, f64::INFINITY]);
        assert_eq!((found[2].of(50.0), found[2].of(-2.0), found[4].of(50.0)), (0.0, -2.0, 50.0));
        assert_eq!(of(outage(), 98), None, "nobody knew");
        let mut gone = outage();
        gone.push(Annotation { withdrawn: true, available_at: sample::at(100), ..gone[0].clone() });
        assert_eq!(of(gone, 100), None, "withdrawn");
    }

    #[test]
    fn what_holds_the_park_down_holds_the_plant_down_and_the_hardest_limit_counts() {
        let found = of(
            vec![
                note("park", AnnotationKind::Curtailment, (100, 106), Some(30.0), 0),
                note("sample", AnnotationKind::Maintenance, (103, 106), Some(20.0), 0),
                note("sample", AnnotationKind::Curtailment, (104, 106), None, 0),
                note("sample", AnnotationKind::Event, (100, 106), None, 0),
                note("elsewhere", AnnotationKind::PlannedOutage, (100, 106), None, 0),
            ],
            100,
        );
        let most: Vec<f64> = found.unwrap().iter().map(|ceiling| ceiling.most).collect();
        assert_eq!(most, [30.0, 30.0, 30.0, 20.0, 20.0, 20.0]);
    }

    #[test]
    fn children_take_their_share_of_the_rated_power() {
        let found = of(
            vec![
                note("T1", AnnotationKind::PlannedOutage, (101, 106), None, 0),
                note("T1", AnnotationKind::Maintenance, (101, 104), Some(10.0), 0),
                note("T2", AnnotationKind::Curtailment, (103, 106), Some(15.0), 0),
            ],
            100,
        );
        let found = found.unwrap();
        assert_eq!((found[0].share, found[1].share, found[1].most), (1.0, 0.4, f64::INFINITY));
        assert_eq!((found[3].share, found[3].most), (0.4, 15.0));
        assert_eq!(found[3].of(80.0), 15.0);
    }

    #[test]
    fn half_an_interval_decides_and_other_quantities_are_left_alone() {
        let mut late = note("sample", AnnotationKind::PlannedOutage, (102, 104), None, 0);
        late.start = late.start.checked_add(jiff::SignedDuration::from_mins(31)).unwrap();
        let found = of(vec![late.clone()], 100).unwrap();
        assert_eq!((found[2].most, found[3].most), (f64::INFINITY, 0.0));
        let mut wind = plant(vec![late]);
        wind.quantity = crate::domain::Quantity::WIND_SPEED;
        assert_eq!(ceilings(&wind, sample::at(100), &[sample::at(103)]), None);
    }
}
