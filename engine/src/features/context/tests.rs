//! What a view of an origin may and may not see.

use super::super::{TargetKind, sample};
use super::Context;
use crate::domain::{Quantity, micros};

#[test]
fn a_view_knows_only_its_past() {
    let target = sample::target(TargetKind::Load, 10, |i| i as f64);
    let context = Context::new(&target, 24, &[sample::at(100)]).unwrap();
    let view = context.view(100);
    assert_eq!((view.edge(), view.last(), view.value(99)), (100, 99.0, 99.0));
    assert!(view.value(100).is_nan());
    let earlier = view.at(50);
    assert!(earlier.value(50).is_nan() && earlier.last() == 49.0);
    assert_eq!(view.at(150).edge(), 100);
}

#[test]
fn rows_that_came_late_are_not_seen_before_they_came() {
    let mut target = sample::target(TargetKind::Load, 10, |i| i as f64);
    target.frame.available_at[90] = micros(sample::at(105));
    let context = Context::new(&target, 24, &[sample::at(100)]).unwrap();
    assert!(context.view(104).value(90).is_nan());
    assert_eq!(context.view(105).value(90), 90.0);
}

#[test]
fn a_usual_delay_moves_the_edge_of_past_origins_too() {
    let mut target = sample::target(TargetKind::Load, 10, |i| i as f64);
    for i in 0..240 {
        target.frame.available_at[i] = micros(sample::at(i + 4));
    }
    let context = Context::new(&target, 24, &[sample::at(100)]).unwrap();
    let view = context.view(100);
    assert_eq!((view.delay, view.last()), (3, 96.0));
    assert_eq!(view.at(50).last(), 46.0);
}

#[test]
fn bad_targets_are_refused_with_a_reason() {
    let mut target = sample::load(3);
    assert!(Context::new(&target, 0, &[sample::at(24)]).unwrap_err().to_string().contains("horizon"));
    let mut coarse = target.clone();
    coarse.frame.resolution = crate::domain::Resolution::parse("P1D").unwrap();
    assert!(Context::new(&coarse, 24, &[sample::at(24)]).unwrap_err().to_string().contains("P1D"));
    target.quantity = Quantity::GHI;
    assert!(Context::new(&target, 24, &[sample::at(24)]).unwrap_err().to_string().contains("ghi"));
}
