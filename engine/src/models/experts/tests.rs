//! Regret, sleep and the numbers of the paper's recursion.

use super::{Experts, slope};
use crate::features::sample;

const NEVER: f64 = 1e12;

/// Plays `rounds` of one bucket and one quantile column; returns the losses of the aggregate and of every expert.
fn play(experts: &mut Experts, p: f64, rounds: usize, said: impl Fn(usize) -> (f64, Vec<f64>, Vec<bool>)) -> (f64, Vec<f64>) {
    let pinball = |y: f64, f: f64| crate::models::tests::pinball(y, f, p);
    let (mut own, mut each) = (0.0, vec![0.0; said(0).1.len()]);
    for t in 0..rounds {
        let (truth, values, present) = said(t);
        let weights = experts.weights(0, &present);
        let aggregate: f64 = weights[0].iter().zip(&values).map(|(w, x)| w * x).sum();
        own += pinball(truth, aggregate);
        each.iter_mut().zip(&values).for_each(|(sum, x)| *sum += pinball(truth, *x));
        let slope = slope(p, truth, aggregate);
        experts.update(0, &present, &weights, &[values.iter().map(|x| slope * x).collect()], 1.0);
    }
    (own, each)
}

/// Printed by `tests/golden/boa.py`, which follows the paper on its own.
#[test]
fn the_recursion_is_that_of_the_paper() {
    let said = |t: usize| {
        let t = t as f64;
        let truth = (0.7 * t).sin() + 0.3 * (2.3 * t).cos();
        let values = vec![(0.7 * t).sin() - 0.1, 0.5 * (0.7 * t).sin() + 0.2, 0.9 - 0.01 * t];
        (truth, values, vec![true, t as usize % 7 != 3, t as usize % 5 != 1])
    };
    let golden = [
        (1, [0.198195478941, 0.801804521059, 0.0]),
        (5, [0.184622335833, 0.716414799330, 0.098962864837]),
        (20, [0.807146589077, 0.153314994160, 0.039538416762]),
        (40, [0.877490064983, 0.083707116257, 0.038802818759]),
    ];
    for (rounds, expected) in golden {
        let mut experts = Experts::new(vec![1.0 / 3.0; 3], 1, 1, NEVER);
        play(&mut experts, 0.3, rounds, said);
        let weights = experts.weights(0, &said(rounds).2);
        for (weight, golden) in weights[0].iter().zip(expected) {
            assert!((weight - golden).abs() < 1e-10, "after {rounds}: {:?}", weights[0]);
        }
    }
}

/// Theorem 3.2 of the paper bounds the regret by a multiple of `sqrt(ln K × T)`; adversaries: switching, contrary, drifting, noise.
#[test]
fn regret_is_bounded_on_adversarial_sequences() {
    type Stream = fn(usize) -> (f64, Vec<f64>);
    let streams: [Stream; 4] = [
        |t| (if (t / 50) % 2 == 0 { 1.0 } else { -1.0 }, vec![1.0, -1.0, 0.0]),
        |t| (if t % 2 == 0 { 1.0 } else { -1.0 }, vec![if t % 2 == 0 { -1.0 } else { 1.0 }, 0.1, 1.0]),
        |t| (t as f64 / 1000.0 - 1.0, vec![-1.0, 0.0, 1.0]),
        |t| (sample::noise(t), vec![sample::noise(t + 7), sample::noise(3 * t), 0.3]),
    ];
    for (which, stream) in streams.into_iter().enumerate() {
        for p in [0.1, 0.5, 0.9] {
            for rounds in [100, 1000, 2000] {
                let mut experts = Experts::new(vec![1.0 / 3.0; 3], 1, 1, NEVER);
                let (own, each) = play(&mut experts, p, rounds, |t| {
                    let (truth, values) = stream(t);
                    (truth, values, vec![true; 3])
                });
                let best = each.iter().copied().fold(f64::INFINITY, f64::min);
                let bound = 2.0 * 2.2 * (3.0_f64.ln() * rounds as f64).sqrt() + 20.0;
                assert!(own - best <= bound, "stream {which}, {p}, {rounds}: {own} against {best}");
            }
        }
    }
}

#[test]
fn a_mixture_beats_the_best_expert_and_weights_are_shares() {
    let mut experts = Experts::new(vec![0.5; 2], 1, 1, NEVER);
    let (own, each) = play(&mut experts, 0.5, 2000, |t| {
        let (truth, noise) = (sample::noise(t), 0.8 * sample::noise(t + 99_991));
        (truth, vec![truth + noise, truth - noise], vec![true; 2])
    });
    assert!(own < 0.3 * each[0].min(each[1]), "{own} {each:?}");
    let weights = &experts.weights(0, &[true, true])[0];
    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12 && weights.iter().all(|w| *w >= 0.0));
}

#[test]
fn who_sleeps_has_no_weight_and_wins_nothing() {
    let mut experts = Experts::new(vec![1.0 / 3.0; 3], 2, 2, NEVER);
    assert_eq!(experts.weights(1, &[false, true, false])[0], vec![0.0, 1.0, 0.0]);
    assert_eq!(experts.weights(1, &[false; 3])[1], vec![0.0; 3]);
    let before = experts.clone();
    let present = [true, false, true];
    let weights = experts.weights(0, &present);
    experts.update(0, &present, &weights, &[vec![1.0, 0.0, -1.0], vec![1.0, 0.0, -1.0]], 1.0);
    for (old, new) in before.cells.iter().zip(&experts.cells) {
        assert_eq!((old.losses[1], old.squares[1]), (new.losses[1], new.squares[1]));
    }
    let after = experts.weights(0, &present);
    assert!(after[0][2] > after[0][0] && after[0][1] == 0.0);
    let beside = &experts.weights(1, &present)[0];
    assert!(beside[2] > beside[0] && beside[2] < after[0][2], "another bucket learns of it by half: {beside:?}");
}

#[test]
fn what_is_old_fades() {
    let mut experts = Experts::new(vec![0.5; 2], 1, 1, 10.0);
    play(&mut experts, 0.5, 100, |_| (1.0, vec![1.0, -1.0], vec![true; 2]));
    let firm = experts.weights(0, &[true; 2])[0][0];
    experts.fade(1000.0);
    let faded = experts.weights(0, &[true; 2])[0][0];
    assert!(firm > 0.9 && faded < firm, "{firm} {faded}");
}
