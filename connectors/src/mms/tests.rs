//! Addresses, qualities, times, places and sequence numbers, without a controller.

use super::address::{Address, control_block};
use super::peer::{Trouble, refusal};
use super::place::{Missing, Take, leaves, locate, member};
use super::sequence::{Part, Sequence, Verdict};
use super::source::{hex, unhex};
use super::value::{judged, number, sample, stamp};
use engine::domain::Quality;
use iec61850_client::{ClientError, StructComponent, TypeSpecification};
use iec61850_model::{FC, MmsValue};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// `q` with these bits of the standard set.
fn quality(bits: &[u16]) -> MmsValue {
    let all = bits.iter().fold(0_u16, |held, bit| held | (0x8000 >> bit));
    MmsValue::BitString { padding: 3, data: all.to_be_bytes().to_vec() }
}

fn component(name: &str, type_spec: TypeSpecification) -> StructComponent {
    StructComponent { name: name.into(), type_spec }
}

/// A measured value: `mag.f`, `q`, `t`.
fn measured() -> TypeSpecification {
    let float = TypeSpecification::FloatingPoint { format_width: 32, exponent_width: 8 };
    let mag = TypeSpecification::Structure { components: vec![component("f", float)] };
    let q = TypeSpecification::BitString { bits: -13 };
    TypeSpecification::Structure {
        components: vec![component("mag", mag), component("q", q), component("t", TypeSpecification::UtcTime)],
    }
}

const NOON: MmsValue = MmsValue::UtcTime([0x6a, 0x18, 0xa5, 0x00, 0x1f, 0x9a, 0xcf, 20]);
const NOON_US: i64 = 1_780_000_000_123_456;

#[test]
fn addresses_are_written_as_the_standard_does() {
    let known = address(" WINDWTG01/WTUR1.W.mag.f[MX] ");
    assert_eq!((known.device.as_str(), known.node.as_str(), known.fc), ("WINDWTG01", "WTUR1", FC::Mx));
    assert_eq!((known.path.join("."), known.to_string()), ("W.mag.f".into(), "WINDWTG01/WTUR1.W.mag.f[MX]".into()));
    for slip in ["", "a/b.c", "a/b[MX]", "/b.c[MX]", "a/b..c[MX]", "a/b.c[XX]", "a/b.c(1)[MX]", "a/b.c[MX]]", "a/é.c[MX]"] {
        assert!(Address::parse(slip).is_err(), "{slip}");
    }
    assert!(Address::parse(&format!("a/b.{}[MX]", "c".repeat(200))).is_err());
    assert_eq!(control_block("LD0/LLN0.BR.brcbA01").unwrap(), "LD0/LLN0$BR$brcbA01");
    for slip in ["LD0/LLN0$BR", "LLN0$BR$a", "LD0/LLN0$CO$a", "LD0/LLN0$BR$a$RptEna", ""] {
        assert!(control_block(slip).is_err(), "{slip}");
    }
}

#[test]
fn qualities_keep_their_reasons() {
    let cases: [(&[u16], Quality, &str); 12] = [
        (&[], Quality::Good, ""),
        (&[1], Quality::Invalid, "invalid"),
        (&[1, 6], Quality::Invalid, "failure"),
        (&[0, 1], Quality::Questionable, "questionable"),
        (&[0, 1, 2, 9], Quality::Questionable, "overflow,inaccurate"),
        (&[0, 1, 3], Quality::Questionable, "outOfRange"),
        (&[0, 1, 4, 5], Quality::Questionable, "badReference,oscillatory"),
        (&[0, 1, 7, 8], Quality::Questionable, "oldData,inconsistent"),
        (&[0], Quality::Questionable, "reserved"),
        (&[10], Quality::Estimated, "substituted"),
        (&[10, 11], Quality::Questionable, "test"),
        (&[12], Quality::Questionable, "operatorBlocked"),
    ];
    for (bits, worth, reason) in cases {
        assert_eq!(judged(&quality(bits)), (worth, reason.into()), "{bits:?}");
    }
    assert_eq!(judged(&MmsValue::Boolean(true)).0, Quality::Good);
    assert_eq!(judged(&MmsValue::BitString { padding: 0, data: Vec::new() }).0, Quality::Good);
}

#[test]
fn times_are_microseconds_and_say_what_the_clock_is_worth() {
    assert_eq!(stamp(&NOON), Some((NOON_US, "")));
    let with = |flags: u8| stamp(&MmsValue::UtcTime([0, 0, 0, 1, 0x80, 0, 0, flags]));
    assert_eq!(with(0x80), Some((1_500_000, "")));
    assert_eq!(with(0x60), Some((1_500_000, "clockFailure")));
    assert_eq!(with(0x20), Some((1_500_000, "clockNotSynchronized")));
    assert_eq!(stamp(&MmsValue::UtcTime([0xff; 8])).map(|(time, _)| time), Some(4_294_967_296_000_000));
    assert_eq!(stamp(&MmsValue::Boolean(true)), None);
}

#[test]
fn numbers_come_from_every_plain_type_and_nothing_else() {
    let coded = |bits: u8| MmsValue::BitString { padding: 6, data: vec![bits << 6] };
    let cases = [
        (MmsValue::Boolean(true), Some(1.0)),
        (MmsValue::Integer(-3), Some(-3.0)),
        (MmsValue::Unsigned(7), Some(7.0)),
        (MmsValue::Float32(1.5), Some(1.5)),
        (MmsValue::Float64(2.5), Some(2.5)),
        (coded(2), Some(2.0)),
        (MmsValue::BitString { padding: 9, data: vec![1] }, None),
        (MmsValue::VisibleString("12".into()), None),
        (MmsValue::Structure(Vec::new()), None),
    ];
    for (value, expected) in cases {
        assert_eq!(number(&value), expected, "{value:?}");
    }
    let missing = sample(0, &MmsValue::Float32(f32::NAN), None, Some(&NOON), None);
    assert_eq!((missing.reason.as_ref(), missing.time, missing.quality), ("not_a_number", Some(NOON_US), Quality::Invalid));
    let blind = sample(0, &MmsValue::VisibleString("x".into()), None, None, Some(5));
    assert_eq!((blind.reason.as_ref(), blind.time), ("no_value", Some(5)));
}

#[test]
fn a_path_is_followed_through_types() {
    let path = |text: &str| text.split('.').map(Into::into).collect::<Vec<String>>();
    assert_eq!(locate(&measured(), &path("mag.f")), Ok((vec![0, 0], Some(vec![1]), Some(vec![2]))));
    assert_eq!(locate(&measured(), &path("mag.i")), Err(Missing::Name(vec!["f".into()])));
    assert_eq!(locate(&measured(), &path("mag.f.x")), Err(Missing::Name(Vec::new())));
    assert_eq!(locate(&measured(), &[]), Err(Missing::Structure(vec!["mag.f".into(), "q".into(), "t".into()])));
    assert_eq!(leaves(&measured()), ["mag.f", "q", "t"]);
    // A phase of a three-phase value has its own quality.
    let phases = TypeSpecification::Structure { components: vec![component("phsA", measured()), component("phsB", measured())] };
    assert_eq!(locate(&phases, &path("phsB.mag.f")), Ok((vec![1, 0, 0], Some(vec![1, 1]), Some(vec![1, 2]))));
}

#[test]
fn single_attributes_are_joined_and_an_old_time_is_not_taken() {
    let power = address("LD0/WTUR1.W.mag.f[MX]");
    let members: Vec<_> = ["W.mag.f", "W.q", "W.t"].map(|path| Address::split(&format!("LD0/WTUR1.{path}"), FC::Mx)).into();
    assert_eq!(member(&members, &power), Some((0, &[][..])));
    assert_eq!(member(&members, &address("LD0/WTUR1.W.mag.f[ST]")), None);
    let take = Take::new(3, &power, 0, (Vec::new(), None, None), &members);
    let values = [Some(MmsValue::Float32(4.0)), Some(quality(&[0, 1, 7])), Some(NOON)];
    let all = take.sample(&values, &[true, true, true], Some(9)).unwrap();
    assert_eq!((all.point, all.time, all.value, all.reason.as_ref()), (3, Some(NOON_US), 4.0, "oldData"));
    let change = take.sample(&values, &[true, false, false], Some(9)).unwrap();
    assert_eq!((change.time, change.quality), (Some(9), Quality::Questionable), "the quality still holds, the time does not");
    assert!(take.sample(&values, &[false, false, true], None).is_none());
    // A report that says less than it announces.
    assert_eq!(take.sample(&[None], &[true], Some(9)).unwrap().reason, "no_value");
    assert!(take.sample(&[], &[], None).is_none());
}

const fn part(number: u16, segment: u16, is_followed: bool) -> Part {
    Part { number, segment, is_followed }
}

const fn whole(number: u16) -> Part {
    part(number, 0, false)
}

fn is_gap(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Gap(_))
}

#[test]
fn a_gap_is_seen_once_and_then_passed() {
    let mut sequence = Sequence::default();
    let entry = [7];
    sequence.begin();
    assert_eq!(sequence.next(whole(0), true, None), Verdict::InOrder);
    assert_eq!(sequence.next(part(1, 0, true), true, Some(&entry)), Verdict::InOrder);
    assert_eq!(sequence.next(part(1, 1, false), true, Some(&entry)), Verdict::InOrder, "the second segment");
    assert_eq!(sequence.next(part(1, 1, false), true, Some(&entry)), Verdict::Skip);
    assert!(is_gap(&sequence.next(whole(3), true, Some(&entry))));
    sequence.begin();
    assert!(is_gap(&sequence.next(whole(4), true, Some(&entry))), "another gap");
    sequence.begin();
    assert_eq!(sequence.next(whole(4), true, Some(&entry)), Verdict::InOrder, "the same again is the controller's own");
    assert_eq!(sequence.next(whole(5), true, Some(&entry)), Verdict::InOrder);
    assert!(is_gap(&sequence.unfit(whole(6), Some(&entry), "9 members")));
    assert_eq!(sequence.unfit(whole(6), Some(&entry), "9 members"), Verdict::Skip);
    let mut wrapping = Sequence { last: Some((u16::MAX, 0)), ..Sequence::default() };
    assert_eq!(wrapping.next(whole(0), true, None), Verdict::InOrder);
    let mut unbuffered = Sequence::default();
    assert_eq!(unbuffered.next(whole(9), false, None), Verdict::InOrder, "nothing could be asked for again");
}

#[test]
fn a_report_whose_last_segment_is_missing_is_a_gap() {
    let entry = [7];
    let mut sequence = Sequence::default();
    assert_eq!(sequence.next(part(0, 0, true), true, Some(&entry)), Verdict::InOrder);
    let Verdict::Gap(story) = sequence.next(whole(1), true, Some(&entry)) else { panic!("the rest of report 0 is missing") };
    assert!(story.contains("report 1 came where the rest of 0 was due"), "{story}");
    // A new link has nothing open; the same again is the controller's own, and is passed over.
    sequence.begin();
    assert_eq!(sequence.next(part(0, 0, true), true, Some(&entry)), Verdict::InOrder);
    assert_eq!(sequence.next(whole(1), true, Some(&entry)), Verdict::InOrder);
    assert_eq!(sequence.next(part(2, 0, true), true, Some(&entry)), Verdict::InOrder);
    assert_eq!(sequence.next(part(2, 1, true), true, Some(&entry)), Verdict::InOrder);
    assert_eq!(sequence.next(part(2, 2, false), true, Some(&entry)), Verdict::InOrder);
    assert_eq!(sequence.next(whole(3), true, Some(&entry)), Verdict::InOrder);
}

#[test]
fn entries_are_kept_as_hexadecimal() {
    assert_eq!(hex(&[0, 1, 0xab]), "0001ab");
    assert_eq!(unhex("0001ab"), Some(vec![0, 1, 0xab]));
    assert_eq!((unhex("0"), unhex("0g"), unhex("é")), (None, None, None));
}

#[test]
fn a_refused_association_is_tried_again_and_a_wrong_password_is_not() {
    let refused = refusal("mms://plant:102", &ClientError::AssociateFailed).unwrap();
    assert!(matches!(refused, Trouble::Lost(_)), "{refused:?}");
    assert!(refused.text().starts_with("mms://plant:102 refuses the association"), "{}", refused.text());
    assert!(refused.text().contains("another client may hold it, or ours of before is not yet given up"), "{}", refused.text());
    assert_eq!(refusal("mms://plant:102", &ClientError::NotConnected), None);
}
