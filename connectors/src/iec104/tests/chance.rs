//! Random octets and frames: nothing panics, and nothing is acknowledged that is not stored.

use super::*;
use proptest::prelude::*;

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let sequence = (any::<u16>(), any::<u16>(), proptest::collection::vec(any::<u8>(), 1..20));
    prop_oneof![
        (0u16..30, 0u16..4, Just(vec![1])).prop_map(|(sent, received, asdu)| written(Frame::Data { sent, received, asdu: &asdu })),
        sequence.prop_map(|(sent, received, asdu)| written(Frame::Data { sent, received, asdu: &asdu })),
        (0u16..4).prop_map(|received| written(Frame::Ack { received })),
        Just(written(Frame::Control(Control::TestAct))),
        Just(written(Frame::Control(Control::StartCon))),
        proptest::collection::vec(any::<u8>(), 0..8),
    ]
}

fn written(frame: Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.write(&mut out);
    out
}

proptest! {
    #[test]
    fn no_octets_make_the_decoder_panic(octets in proptest::collection::vec(any::<u8>(), 0..260), code in 0u8..128, widths in (1usize..3, 1usize..3, 1usize..4)) {
        drop(split(&octets));
        let (cause, common, object) = widths;
        let widths = Widths { cause, common, object };
        let text = POINTS.replace("13/4001", "7/7").replace("13/4002", "7/8");
        let near = Points::parse(&text, "plant.toml", &Quantities::standard()).unwrap();
        let link = Link::new("plant", Timestamp::now);
        for zone in ["UTC", "Africa/Casablanca"] {
            let decoder = Decoder::new(&near, widths, clock(zone)).unwrap();
            let mut asdu = octets.clone();
            drop(decoder.samples(&asdu, &link, &mut Vec::new()));
            // The same with a type and a count that fit.
            if let Some((kind, [first, count, cause, ..])) = kind_of(code).zip(asdu.get_mut(..8)) {
                (*first, *cause) = (code, 3);
                *count &= 0x80;
                let size = kind.shape.octets() + kind.tag.octets();
                *count |= if *count == 0 { 1 } else { 2 };
                let body = if *count == 1 { object + size } else { object + 2 * size };
                asdu.resize(2 + widths.cause + widths.common + body, 7);
                let mut samples = Vec::new();
                prop_assert_eq!(decoder.samples(&asdu, &link, &mut samples), Ok(Said::Values));
            }
        }
    }

    #[test]
    fn no_frames_make_the_link_acknowledge_what_is_not_stored(
        heard in proptest::collection::vec((frame(), any::<u8>(), 0u64..30), 0..60),
    ) {
        let mut now = Instant::now();
        let (mut flow, mut out, mut stored) = (started(now), Vec::new(), 0);
        for (octets, act, seconds) in heard {
            now += Duration::from_secs(seconds);
            if let Ok(Some((frame, _))) = split(&octets) && flow.hear(frame, now, &mut out).is_err() {
                break;
            }
            match act % 4 {
                0 => {
                    stored = flow.received();
                    flow.store(stored, now, &mut out);
                }
                1 => drop(flow.send(&[100], now, &mut out)),
                2 if flow.tick(now, &mut out).is_err() => break,
                _ => {}
            }
            prop_assert!(flow.deadline() >= now || act % 4 != 2 || flow.tick(now, &mut out).is_err());
            for frame in frames(&std::mem::take(&mut out)) {
                match frame {
                    Frame::Ack { received } | Frame::Data { received, .. } => prop_assert_eq!(received, stored),
                    Frame::Control(control) => prop_assert!(matches!(control, Control::TestAct | Control::TestCon)),
                }
            }
        }
    }
}
