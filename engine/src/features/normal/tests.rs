//! Normals of made-up years: what is learnt, what is carried from feast to feast, what may not be known.

use super::super::{Calendar, Series, sample};
use super::{Normal, Scale};
use crate::domain::{Asset, AssetId, AssetKind, IntervalLabel, Resolution};

/// Two and a half years of Moroccan hours from 2017 on; weekends at 80 %, summers 20 % up, `special` on top.
fn moroccan(special: impl Fn(&crate::features::Moment) -> f64) -> (Series, Calendar) {
    let mut asset = Asset::new(AssetId::parse("city").unwrap(), AssetKind::Region);
    asset.timezone = "Africa/Casablanca".into();
    let (start, hour) = ("2017-01-01T00:00:00Z".parse().unwrap(), Resolution::parse("PT1H").unwrap());
    let len = 24 * 900;
    let calendar = Calendar::new(&asset, start, hour, IntervalLabel::Beginning, len + 24 * 30).unwrap();
    let value = |i: usize| {
        let moment = calendar.at(i);
        let week = if moment.is_weekend() { 0.8 } else { 1.0 };
        100.0 * week * (1.0 - 0.2 * moment.year_angle().cos()) * (1.0 + 0.3 * moment.day_angle().sin()) * special(&moment)
            + sample::noise(i)
    };
    (Series::new((0..len).map(value).collect()), calendar)
}

#[test]
fn weekdays_and_seasons_are_normal() {
    let (series, calendar) = moroccan(|_| 1.0);
    let normal = Normal::fit(&series, &calendar, 24, Scale::Relative);
    let gaps: Vec<f64> = (24 * 800..24 * 890)
        .filter(|&i| calendar.at(i).kind == crate::features::DayKind::default())
        .map(|i| normal.anomalies().get(i).abs())
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!(gaps.len() > 1000 && mean < 0.03, "{mean}");
    assert!(normal.anomalies().get(24).is_nan());
}

#[test]
fn a_feast_is_learnt_once_and_carried_to_the_next() {
    let (series, calendar) = moroccan(|moment| 1.0 - 0.5 * f64::from(moment.kind.eid()));
    let normal = Normal::fit(&series, &calendar, 24, Scale::Relative);
    let noon = |date: jiff::civil::Date| {
        let start = jiff::civil::date(2017, 1, 1);
        24 * usize::try_from((date - start).get_days()).unwrap() + 11
    };
    let (fitr, adha) = (noon(jiff::civil::date(2017, 6, 26)), noon(jiff::civil::date(2017, 9, 1)));
    let ratio = |index: usize, edge: usize| {
        let mut plain = calendar.at(index);
        let feast = normal.value(&plain, edge);
        plain.kind = crate::features::DayKind::default();
        plain.weekday = 6;
        feast / normal.value(&plain, edge)
    };
    assert!(ratio(fitr, fitr) > 0.85, "{}", ratio(fitr, fitr));
    // Seen at half of a weekday, 0.625 of a Sunday: a third of the way is still the prior.
    assert!(ratio(adha, adha) < 0.75, "{}", ratio(adha, adha));
}

#[test]
fn nights_of_ramadan_are_expected_before_any_was_seen() {
    let (series, calendar) = moroccan(|_| 1.0);
    let normal = Normal::fit(&series, &calendar, 24, Scale::Relative);
    // 27 May 2017, the first fast of the data, before it: nights above the same night without a fast, mornings below.
    let first = (0..).find(|&i| calendar.at(i).kind.ramadan == 1.0).unwrap();
    let ratio = |hour: usize| {
        let fast = calendar.at(first + hour);
        let mut plain = fast;
        (plain.kind.ramadan, plain.before.ramadan) = (0.0, 0.0);
        normal.value(&fast, first) / normal.value(&plain, first)
    };
    assert!(ratio(3) > 1.02 && ratio(8) < 0.98, "{} {}", ratio(3), ratio(8));
}

#[test]
fn later_rows_change_nothing_before_them() {
    let (series, calendar) = moroccan(|_| 1.0);
    let cut = 24 * 500;
    let short = Series::new((0..series.len()).map(|i| if i < cut { series.get(i) } else { 1e9 }).collect());
    let (long, planted) =
        (Normal::fit(&series, &calendar, 24, Scale::Relative), Normal::fit(&short, &calendar, 24, Scale::Relative));
    for i in 0..cut {
        assert_eq!(long.anomalies().get(i).to_bits(), planted.anomalies().get(i).to_bits());
    }
    for i in cut..cut + 200 {
        assert_eq!(long.value(&calendar.at(i), cut).to_bits(), planted.value(&calendar.at(i), cut).to_bits());
    }
}
