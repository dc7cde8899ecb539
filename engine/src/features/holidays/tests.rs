//! Dates that were announced, dates a Python library computed, and days that are only likely.

use super::{DayOverride, HolidayCalendar, WINDOW};
use jiff::civil::{Date, date, time};

fn late() -> jiff::civil::DateTime {
    date(2099, 1, 1).to_datetime(time(0, 0, 0, 0))
}

fn morocco() -> HolidayCalendar {
    HolidayCalendar::of_zone("Africa/Casablanca")
}

#[test]
fn announced_days_are_certain_once_announced() {
    let (calendar, first) = (morocco(), WINDOW as usize);
    let ramadan = |d: Date| calendar.day(d, late()).ramadan;
    assert_eq!((ramadan(date(2017, 5, 26)), ramadan(date(2017, 5, 27)), ramadan(date(2017, 6, 25))), (0.0, 1.0, 1.0));
    assert_eq!(calendar.day(date(2017, 6, 26), late()).fitr[first], 1.0);
    assert_eq!(calendar.day(date(2017, 6, 23), late()).fitr[0], 1.0);
    assert_eq!(calendar.day(date(2017, 9, 1), late()).adha[first], 1.0);
    assert_eq!((calendar.day(date(2017, 9, 2), late()).holiday, calendar.day(date(2017, 9, 4), late()).adha[6]), (1.0, 1.0));
    // A week before, the feast may be on the 25th or the 26th; the evening before, it is on the 26th.
    let before = calendar.day(date(2017, 6, 26), date(2017, 6, 20).to_datetime(time(12, 0, 0, 0)));
    assert_eq!((before.fitr[first - 1], before.fitr[first], before.fitr[first + 1]), (0.0, 0.5, 0.5));
    assert_eq!(calendar.announcements(date(2017, 6, 26)), [date(2017, 6, 25).to_datetime(time(20, 0, 0, 0))]);
    assert_eq!(calendar.announcements(date(2019, 1, 1)), []);
}

#[test]
fn hijri_days_agree_with_hijridate_within_a_day() {
    let (calendar, first) = (morocco(), WINDOW as usize);
    let (mut rows, mut exact) = (0, 0);
    for line in include_str!("../../../../tests/golden/hijri.csv").lines().skip(1) {
        let (event, day) = line.split_once(',').unwrap();
        let day: Date = day.parse().unwrap();
        let share = |offset: i64| {
            let kind = calendar.day(day.checked_add(jiff::Span::new().days(offset)).unwrap(), late());
            match event {
                "ramadan" => kind.ramadan,
                "eid_al_fitr" => kind.fitr[first],
                "eid_al_adha" => kind.adha[first],
                _ => kind.holiday,
            }
        };
        let (before, on, after) = (share(-1), share(0), share(1));
        assert!(before.max(on).max(after) >= 0.5, "{line}");
        assert!(event != "ramadan" || share(-2) == 0.0, "{line}");
        exact += usize::from((on.max(after) - 1.0).abs() < 1e-6 || (on + after - 1.0).abs() < 1e-6);
        rows += 1;
    }
    assert_eq!(rows, 16 * 5 + 2);
    assert!(exact >= rows - 1, "{exact} of {rows}");
}

#[test]
fn fixed_days_began_with_their_laws() {
    let calendar = morocco();
    let holiday = |y, m, d| calendar.day(date(y, m, d), late()).holiday == 1.0;
    assert!(holiday(2024, 1, 14) && !holiday(2023, 1, 14));
    assert!(holiday(2025, 10, 31) && !holiday(2024, 10, 31));
    assert!(holiday(2017, 11, 6) && !holiday(2017, 11, 7));
    // 11 January 2018 was a Thursday: Friday the 12th is a bridge.
    assert_eq!(calendar.day(date(2018, 1, 12), late()).bridge, 1.0);
    let america = HolidayCalendar::of_zone("America/New_York");
    let off = |y, m, d| america.day(date(y, m, d), late()).holiday == 1.0;
    assert!(off(2017, 11, 23) && off(2018, 5, 28) && off(2017, 1, 2) && !off(2017, 11, 22));
    assert_eq!(america.day(date(2018, 12, 27), late()).bridge, 1.0);
    // Columbus Day, Veterans Day (a Sunday, seen on Monday) and the day after Thanksgiving are days off for some only.
    let share = |m, d| america.day(date(2018, m, d), late()).holiday;
    assert_eq!((share(10, 8), share(11, 12), share(11, 23), share(1, 15), share(2, 19)), (0.15, 0.2, 0.75, 0.35, 0.35));
    assert_eq!((share(11, 22), share(12, 25), share(7, 4), share(10, 9)), (1.0, 1.0, 1.0, 0.0));
    assert!(HolidayCalendar::of_zone("Europe/Paris").day(date(2018, 1, 1), late()).holiday == 1.0);
}

#[test]
fn an_operator_knows_better() {
    let (first, feast) = (date(2027, 3, 10), WINDOW as usize);
    let unsure = morocco().day(first, late()).fitr[feast];
    let table = vec![
        DayOverride::MonthBegins { month: 10, first },
        DayOverride::WorkingDay(date(2027, 5, 1)),
        DayOverride::Holiday(date(2027, 5, 4)),
    ];
    let calendar = morocco().with_overrides(table);
    assert!(unsure < 1.0);
    assert_eq!(calendar.day(first, late()).fitr[feast], 1.0);
    assert_eq!(calendar.day(date(2027, 5, 1), late()).holiday, 0.0);
    assert_eq!(calendar.day(date(2027, 5, 4), late()).holiday, 1.0);
}

#[test]
fn what_an_operator_says_moves_an_eid_we_thought_we_knew() {
    let feast = WINDOW as usize;
    let eid = |calendar: &HolidayCalendar, day: Date| calendar.day(day, late()).fitr[feast];
    let sunday = DayOverride::named("eid_al_fitr", date(2017, 6, 25)).unwrap();
    let moved = morocco().with_overrides(vec![sunday]);
    assert_eq!((eid(&morocco(), date(2017, 6, 26)), eid(&moved, date(2017, 6, 26))), (1.0, 0.0));
    assert_eq!((eid(&morocco(), date(2017, 6, 25)), eid(&moved, date(2017, 6, 25))), (0.0, 1.0));
    let sacrifice = DayOverride::named("eid_al_adha", date(2027, 5, 17)).unwrap();
    assert_eq!(sacrifice, DayOverride::MonthBegins { month: 12, first: date(2027, 5, 8) });
    assert_eq!(morocco().with_overrides(vec![sacrifice]).day(date(2027, 5, 17), late()).adha[feast], 1.0);
    assert!(DayOverride::named("christmas", date(2027, 5, 17)).unwrap_err().to_string().contains("eid_al_adha"));
}

#[test]
fn a_sighting_counts_from_when_it_was_said() {
    let (first, feast) = (date(2027, 3, 10), WINDOW as usize);
    let noon = |day: i8| date(2027, 3, day).to_datetime(time(12, 0, 0, 0));
    let said = DayOverride::MonthBegins { month: 10, first };
    let calendar = morocco().with_announcements(vec![(said, noon(8)), (DayOverride::Holiday(date(2027, 3, 3)), noon(1))]);
    let eid = |from| calendar.day(first, from).fitr[feast];
    assert_eq!((eid(noon(7)), eid(noon(8))), (0.5, 1.0));
    // The month's word came later; the holiday noted before it counts from its own.
    let holiday = |from| calendar.day(date(2027, 3, 3), from).holiday;
    assert_eq!((holiday(noon(1)), calendar.announcements(date(2027, 3, 3))), (1.0, vec![noon(1), noon(8)]));
    assert_eq!(calendar.day(date(2027, 3, 3), date(2027, 2, 28).to_datetime(time(12, 0, 0, 0))).holiday, 0.0);
    // Corrected the evening before: the earlier word is forgotten.
    let corrected = calendar.with_announcements(vec![(DayOverride::MonthBegins { month: 10, first: date(2027, 3, 11) }, noon(9))]);
    assert_eq!((corrected.day(first, noon(9)).fitr[feast], corrected.day(date(2027, 3, 11), noon(9)).fitr[feast]), (0.0, 1.0));
}
