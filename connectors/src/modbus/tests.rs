//! Addresses, numbers, requests and walks, without a device. What a device says is in the tests against real ones (`tests/contracts`).

use super::address::{Address, Host, Spot, Table};
use super::item::{self, Item, Place};
use super::lane::next_tick;
use super::plan::{Bounds, Span, plan};
use super::shape::{Kind, Order, Raw, Shape, exponent, scaled, text};
use super::sunspec::{self, Map, Walk};
use super::*;
use engine::domain::Quantities;
use proptest::prelude::*;

const KINDS: [Kind; 17] = [
    Kind::U16,
    Kind::I16,
    Kind::U32,
    Kind::I32,
    Kind::U64,
    Kind::I64,
    Kind::F32,
    Kind::F64,
    Kind::Acc16,
    Kind::Acc32,
    Kind::Acc64,
    Kind::Bool,
    Kind::Bits16,
    Kind::Bits32,
    Kind::Enum16,
    Kind::Enum32,
    Kind::Factor,
];

fn plain(kind: Kind, words: Order, bytes: Order) -> Shape {
    Shape { kind, words, bytes, bit: None, is_sunspec: false }
}

#[test]
fn addresses_are_read_in_both_notations() {
    let spot = |text: &str| Address::parse(text, 502).unwrap().spot;
    assert_eq!(spot("1/hr:100"), Spot::Plain(Table::Holding, 100));
    for (manual, ours) in [("1/4x00101", "1/hr:100"), ("1/3x00001", "1/ir:0"), ("1/1x8", "1/di:7"), ("1/0x65536", "1/co:65535")] {
        assert_eq!(spot(manual), spot(ours), "{manual}");
    }
    let far = Address::parse("10.0.0.5:1502/17/sunspec:160#2/DCW[3]", 502).unwrap();
    assert_eq!((far.host, far.unit), (Some(Host { name: "10.0.0.5".into(), port: 1502 }), 17));
    assert_eq!(far.spot, Spot::Model { model: 160, instance: 2, point: "DCW".into(), index: Some(3) });
    assert_eq!(far.spot.to_string(), "sunspec:160#2/DCW[3]");
    let six = Address::parse("[fd00::5]:503/1/hr:0", 502).unwrap().host.unwrap();
    assert_eq!((six.name.as_str(), six.port, six.to_string().as_str()), ("fd00::5", 503, "[fd00::5]:503"));
    assert_eq!(Address::parse("gateway/1/hr:0", 502).unwrap().host.unwrap().to_string(), "gateway:502");
    for wrong in [
        "",
        "1",
        "1/",
        "1/hr",
        "1/hr:65536",
        "1/4x0",
        "1/4x65537",
        "1/sunspec:103",
        "1/sunspec:103/W[0]",
        "1/sunspec:103#0/W",
        "a b/1/hr:0",
        "1/5x1",
    ] {
        assert!(Address::parse(wrong, 502).is_err(), "{wrong}");
    }
}

#[test]
fn registers_become_the_numbers_they_mean() {
    use Order::{Big, Little};
    let words = [0x0102, 0x0304, 0x0506, 0x0708];
    let read = |kind, order, bytes| plain(kind, order, bytes).read(&words).unwrap();
    assert_eq!(read(Kind::U32, Big, Big), Raw::Whole(0x0102_0304));
    assert_eq!(read(Kind::U32, Little, Big), Raw::Whole(0x0304_0102));
    assert_eq!(read(Kind::U32, Big, Little), Raw::Whole(0x0201_0403));
    assert_eq!(read(Kind::U32, Little, Little), Raw::Whole(0x0403_0201));
    assert_eq!(read(Kind::U64, Little, Big), Raw::Whole(0x0708_0506_0304_0102));
    let float: Vec<u16> = 230.25_f64.to_bits().to_be_bytes().chunks(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect();
    assert_eq!(plain(Kind::F64, Big, Big).read(&float), Ok(Raw::Float(230.25)));
    assert_eq!(plain(Kind::I32, Big, Big).read(&[0xFFFF, 0xFFFE]), Ok(Raw::Signed(-2)));
    assert_eq!(plain(Kind::I64, Big, Big).read(&[0xFFFF; 4]), Ok(Raw::Signed(-1)));
    // Plain registers have no value that means none; SunSpec's have.
    assert_eq!(plain(Kind::U16, Big, Big).read(&[0xFFFF]), Ok(Raw::Whole(65535)));
    assert_eq!(plain(Kind::F32, Big, Big).read(&[0x7FC0, 0]), Err("not_a_number"));
    let none: [(Kind, &[u16]); 10] = [
        (Kind::U16, &[0xFFFF]),
        (Kind::I16, &[0x8000]),
        (Kind::U32, &[0xFFFF, 0xFFFF]),
        (Kind::I32, &[0x8000, 0]),
        (Kind::U64, &[0xFFFF; 4]),
        (Kind::Acc32, &[0, 0]),
        (Kind::F32, &[0x7FC0, 0]),
        (Kind::Enum16, &[0xFFFF]),
        (Kind::Bits32, &[0x8000, 1]),
        (Kind::Factor, &[0x8000]),
    ];
    for (kind, words) in none {
        assert_eq!(Shape::sunspec(kind).read(words), Err("not_implemented"), "{kind:?}");
    }
    let bit = |bit| Shape { bit: Some(bit), ..plain(Kind::U32, Big, Big) }.read(&[0x8000, 1]).unwrap().value();
    assert_eq!([bit(0), bit(1), bit(31)], [1.0, 0.0, 1.0]);
    assert_eq!((scaled(2401.0, -1), scaled(5.0, 3), scaled(7.0, 0)), (240.1, 5000.0, 7.0));
    assert_eq!(text(&[0x4174, 0x6C61, 0x7300, 0x5858]), "Atlas");
}

#[test]
fn of_all_factors_only_the_small_are_taken() {
    let taken: Vec<i8> = (0..=u16::MAX).filter_map(|register| exponent(&[register]).ok()).collect();
    assert_eq!(taken.len(), 21);
    assert!(taken.iter().all(|factor| (-10..=10).contains(factor)), "{taken:?}");
    assert_eq!(exponent(&[0xFF80]), Err("bad_scale_factor"), "-128, whose negation is none");
    assert_eq!((exponent(&[0x8000]), exponent(&[0xFFFE])), (Err("no_scale_factor"), Ok(-2)));
}

#[test]
fn ticks_are_whole_multiples_and_never_now() {
    assert_eq!((next_tick(999_999, 1_000_000), next_tick(1_000_000, 1_000_000)), (1_000_000, 2_000_000));
    assert_eq!(next_tick(-1, 1_000_000), 0);
    assert_eq!(next_tick(i64::MAX, 86_400_000_000), i64::MAX, "no overflow");
}

#[test]
fn the_table_of_models_is_whole() {
    assert_eq!(sunspec::models().len(), 40);
    let inverter = sunspec::model(103).unwrap();
    assert_eq!((inverter.fixed(), inverter.stride()), (52, 0));
    assert_eq!(inverter.point("W", None).unwrap().offset, 14);
    let strings = sunspec::model(160).unwrap();
    assert_eq!((strings.fixed(), strings.stride(), strings.repeats(68)), (10, 20, 3));
    for model in sunspec::models() {
        for point in model.points.iter().chain(&model.group) {
            if let sunspec::Factor::Point(name) = point.factor {
                assert!(model.factor(name, true).is_some(), "model {}: {} hangs on {name}", model.id, point.name);
            }
            assert!(point.kind == Kind::Text || point.length == point.kind.registers(), "model {} {}", model.id, point.name);
        }
    }
}

#[test]
fn settings_have_their_defaults_and_refuse_slips() {
    let settings: Settings = toml::from_str("host = \"10.0.0.5\"").unwrap();
    assert_eq!((settings.port, settings.every(), settings.max_registers, settings.gap), (502, 1_000_000, 125, 8));
    assert_eq!((settings.connections, settings.patience(), settings.word_order), (1, Duration::from_secs(3), Order::Big));
    assert_eq!((settings.name(), settings.peer().as_str()), ("modbus", "10.0.0.5:502"));
    let error = toml::from_str::<Settings>("host = \"h\"\nevery = 1").unwrap_err().to_string();
    assert!(error.contains("every_s"), "{error}");
}

/// Points at these registers, as one unit's items.
fn items(registers: &[(u16, Kind)]) -> Vec<Item> {
    let spot = |start| Spot::Plain(Table::Holding, start);
    let one = |(index, (start, kind)): (usize, &(u16, Kind))| Item {
        point: index as u32,
        spot: spot(*start),
        shape: plain(*kind, Order::Big, Order::Big),
        invalid: Vec::new(),
        is_event: false,
        symbols: Vec::new(),
        message: String::new(),
        place_in_file: String::new(),
        place: Some(Place { start: *start, exponent: item::Exponent::Fixed(0), model: None }),
    };
    registers.iter().enumerate().map(one).collect()
}

#[test]
fn neighbours_are_one_request_and_gaps_are_read_over() {
    let bounds = Bounds { most: 125, gap: 8 };
    let at = |registers: &[u16]| {
        let kinds: Vec<(u16, Kind)> = registers.iter().map(|start| (*start, Kind::U16)).collect();
        plan(&items(&kinds), bounds).iter().map(|span| (span.start, span.count)).collect::<Vec<_>>()
    };
    assert_eq!(at(&[3, 1, 2]), [(1, 3)]);
    assert_eq!(at(&[0, 9, 19]), [(0, 10), (19, 1)]);
    assert_eq!(at(&(0..300).collect::<Vec<u16>>()), [(0, 125), (125, 125), (250, 50)]);
    assert_eq!(at(&[65_535]), [(65_535, 1)]);
}

#[test]
fn a_factor_and_the_head_of_its_model_are_in_the_same_request() {
    let file = "[[assets]]\nid = \"i\"\nkind = \"pv_inverter\"\n[[assets]]\nid = \"s\"\nkind = \"pv_inverter\"\n\
                [[points]]\naddress = \"1/sunspec:103/W\"\nasset = \"i\"\nquantity = \"active_power\"\nunit = \"W\"\n\
                [[points]]\naddress = \"1/sunspec:160/DCW[20]\"\nasset = \"s\"\nquantity = \"active_power\"\nunit = \"W\"\n";
    let points = Points::parse(file, "p.toml", &Quantities::standard()).unwrap();
    let settings = Settings { host: "h".into(), ..Settings::default() };
    let mut items: Vec<Item> = item::read(&settings, &points).unwrap().into_iter().map(|addressed| addressed.item).collect();
    let mut walk = Walk::new(40_000);
    for (id, length) in [(1, 66), (103, 50), (160, 408), (0xFFFF, 0)] {
        walk.take(id, length);
    }
    assert_eq!(walk.wants(), None);
    let map = walk.map();
    items.iter_mut().for_each(|item| item.locate(&map).unwrap());
    let spans = plan(&items, Bounds { most: 125, gap: 0 });
    let all: Vec<(u16, u16)> = spans.iter().map(|span| (span.start, span.count)).collect();
    // Head, W and W_SF of 103 together; of 160 the factor is further from string 20 than one request reaches.
    assert_eq!(all, [(40_070, 16), (40_126, 1), (40_122 + 10 + 19 * 20 + 11, 1)]);
    // A shorter edition ends before the point.
    let mut walk = Walk::new(0);
    walk.take(103, 10);
    let error = items[0].locate(&walk.map()).unwrap_err();
    assert!(error.contains("10 registers long"), "{error}");
    assert_eq!(items[0].place, None);
}

fn inside(span: &Span, most: u32) {
    assert!(u32::from(span.count) <= most && span.count > 0, "{span:?}");
    assert!(u32::from(span.start) + u32::from(span.count) <= 65_536, "{span:?}");
}

proptest! {
    #[test]
    fn any_registers_are_a_finite_number_or_a_reason(
        words in prop::collection::vec(any::<u16>(), 0..6),
        kind in prop::sample::select(KINDS.to_vec()),
        little in any::<(bool, bool)>(),
        bit in prop::option::of(0_u8..64),
        is_sunspec in any::<bool>(),
    ) {
        let order = |is_little| if is_little { Order::Little } else { Order::Big };
        let shape = Shape { kind, words: order(little.0), bytes: order(little.1), bit, is_sunspec };
        match shape.read(&words) {
            Ok(raw) => prop_assert!(raw.value().is_finite()),
            Err(reason) => prop_assert!(!reason.is_empty()),
        }
    }

    #[test]
    fn any_walk_ends_and_goes_up(base in any::<u16>(), registers in prop::collection::vec((any::<u16>(), 0_u16..300), 0..400)) {
        let mut walk = Walk::new(base);
        let (mut steps, mut last) = (0, None);
        for (id, length) in registers.iter().cycle() {
            let Some(at) = walk.wants() else { break };
            prop_assert!(last < Some(at), "{last:?} then {at}");
            last = Some(at);
            walk.take(*id, *length);
            steps += 1;
            prop_assert!(steps <= 256);
        }
        let map: Map = walk.map();
        for placed in &map.models {
            prop_assert!(u32::from(placed.start) + 2 + u32::from(placed.length) <= 65_536);
        }
    }

    #[test]
    fn any_model_of_any_length_is_located_within_itself(
        before in prop::collection::vec((200_u16..803, 0_u16..2000), 0..20),
        length in 0_u16..1000,
        pick in any::<prop::sample::Index>(),
        index in 1_u16..50,
    ) {
        let known = pick.get(sunspec::models());
        let mut walk = Walk::new(0);
        for (id, length) in before.into_iter().filter(|(id, _)| *id != known.id).chain([(known.id, length)]) {
            walk.take(id, length);
        }
        let map = walk.map();
        for (point, index) in known.points.iter().map(|point| (point, None)).chain(known.group.iter().map(|point| (point, Some(index)))) {
            let mut item = items(&[(0, point.kind)]).remove(0);
            item.spot = Spot::Model { model: known.id, instance: 1, point: point.name.into(), index };
            if item.locate(&map).is_err() {
                prop_assert_eq!(item.place, None);
                continue;
            }
            let (place, model) = (item.place.unwrap(), map.find(known.id, 1).unwrap());
            let inside = |at: u16| at >= model.start + 2 && u32::from(at) < u32::from(model.start) + 2 + u32::from(length);
            prop_assert!(inside(place.start) && inside(place.start + point.length - 1), "{place:?}");
            if let item::Exponent::At(at) = place.exponent {
                prop_assert!(inside(at), "{place:?}");
            }
        }
    }

    #[test]
    fn every_point_is_in_a_request_that_fits(
        registers in prop::collection::vec((any::<u16>(), prop::sample::select(vec![Kind::U16, Kind::F32, Kind::I64])), 1..200),
        most in 4_u16..=125,
        gap in 0_u16..20,
    ) {
        let registers: Vec<(u16, Kind)> = registers.into_iter().filter(|(start, kind)| start.checked_add(kind.registers() - 1).is_some()).collect();
        let items = items(&registers);
        let mut spans = plan(&items, Bounds { most, gap });
        // Split to the end, every point still has its registers.
        let mut met = 0;
        while let Some(span) = spans.pop() {
            inside(&span, u32::from(most));
            for atom in &span.atoms {
                let (start, kind) = registers[atom.item];
                let words = vec![0; usize::from(span.count)];
                prop_assert!(span.slice(&words, start, kind.registers()).is_some());
            }
            match span.halves() {
                Some(two) => spans.extend(two),
                None => met += span.atoms.len(),
            }
        }
        prop_assert_eq!(met, registers.len());
    }
}
