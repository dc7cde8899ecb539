//! What is handed over and what is remembered do not part, whenever a cut comes. Without a server.

use super::*;
use crate::live::{Link, Points};
use crate::opcua::address;
use engine::domain::Quantities;
use engine::domain::Timestamp;
use hashbrown::HashSet;
use opcua::types::{EventFieldList, ExtensionObject, LocalizedText, NodeId, Variant};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

const POINTS: &str = "[[assets]]\nid = \"t\"\nkind = \"wind_turbine\"\n\
    [[points]]\naddress = \"i=1\"\nasset = \"t\"\nevent = \"Events\"\nevents = true\n\
    [[points]]\naddress = \"i=2\"\nasset = \"t\"\nquantity = \"active_power\"\n";

fn task(room: usize) -> (Task, mpsc::Receiver<Piece<Mark>>) {
    let points = Points::parse(POINTS, "plant.toml", &Quantities::standard()).unwrap();
    let (pieces, taken) = mpsc::channel(room);
    let task = Task {
        settings: toml::from_str("url = \"opc.tcp://plant:4840\"").unwrap(),
        wanted: address::wanted(&points).unwrap().into(),
        points: Arc::new(points),
        link: Link::new("plant", Timestamp::now),
        pieces,
        stored: Arc::default(),
        stopped: watch::channel(false).1,
    };
    (task, taken)
}

fn subscription(task: &Task) -> Subscription {
    Subscription {
        id: 1,
        last: 0,
        patience: Duration::from_secs(30),
        refused: HashSet::new(),
        history_per_call: 1,
        blind: vec![0],
        heard: Instant::now(),
        holds: Duration::from_secs(60),
        historic: Arc::new([(1, NodeId::new(0, 2u32))]),
        server_ahead: 0,
        link: task.link.clone(),
    }
}

/// A message with an alarm that is raised.
fn alarm(sequence_number: u32) -> NotificationMessage {
    let fields = [
        Variant::from(decode::date_time(1_780_315_200_000_000)),
        Variant::from("WTG01"),
        Variant::from(LocalizedText::new("en", "Gearbox hot")),
        Variant::UInt16(700),
        Variant::Empty,
        Variant::Boolean(true),
        Variant::from(NodeId::new(2, 9u32)),
    ];
    let event = EventFieldList { client_handle: 1, event_fields: Some(fields.into()) };
    let list = EventNotificationList { events: Some(vec![event]) };
    let notification_data = Some(vec![ExtensionObject::from_message(list)]);
    NotificationMessage { sequence_number, notification_data, ..NotificationMessage::default() }
}

#[tokio::test]
async fn an_alarm_that_a_cut_kept_back_is_raised_when_its_message_comes_again() {
    let (task, mut taken) = task(2);
    let (mut subscription, mut alarms, progress) = (subscription(&task), Alarms::default(), Progress::new(None));
    // The page is full, and then the line is cut.
    for _ in 0..2 {
        task.send(Piece::Samples(Vec::new())).await;
    }
    let mut cut = Box::pin(hand_over(&task, &mut subscription, &progress, &mut alarms, alarm(1)));
    assert!((&mut cut).now_or_never().is_none(), "it waits for the page");
    drop(cut);
    assert_eq!(subscription.last, 0, "not handed over: asked for again");
    for _ in 0..2 {
        assert!(matches!(taken.try_recv(), Ok(Piece::Samples(_))));
    }
    assert!(hand_over(&task, &mut subscription, &progress, &mut alarms, alarm(1)).await.is_none());
    let Ok(Piece::Notice(notice)) = taken.try_recv() else { panic!("the alarm is not raised") };
    assert_eq!((notice.message.as_deref(), notice.is_active), (Some("WTG01: Gearbox hot"), true));
    assert!(matches!(taken.try_recv(), Ok(Piece::Mark(mark)) if mark.acknowledge == Some((1, 1))));
    assert_eq!(subscription.last, 1);
}

#[tokio::test]
async fn a_lost_message_holds_the_place_before_it_and_is_told_once() {
    let (task, mut taken) = task(4);
    let (mut subscription, progress) = (subscription(&task), Progress::new(None));
    progress.reached(Some(100), 1000);
    assert_eq!((progress.cursor(), progress.missing()), (Some(100), None));
    give_up(&task, &mut subscription, &progress, 7).await;
    progress.reached(Some(500), 1000);
    assert_eq!((progress.cursor(), progress.missing(), subscription.last), (None, Some(100), 7));
    let Ok(Piece::Reject(reject)) = taken.try_recv() else { panic!("not told") };
    assert_eq!((reject.reason, reject.raw.as_str()), ("message_lost", "i=1"));
    assert!(reject.detail.contains("message 7") && reject.detail.contains("1 points"), "{}", reject.detail);
    // Lost again before history was read: from the older one on.
    progress.lose();
    assert_eq!(progress.missing(), Some(100));
    progress.mended();
    assert_eq!((progress.cursor(), progress.missing()), (Some(500), None));
    // Where all have a history, there is nothing to tell.
    subscription.blind.clear();
    give_up(&task, &mut subscription, &progress, 8).await;
    assert_eq!((progress.missing(), taken.try_recv().is_err()), (Some(500), true));
}

#[test]
fn a_cut_longer_than_the_queues_hold_needs_history() {
    let (task, _taken) = task(1);
    let mut held = subscription(&task);
    assert!(!held.may_have_overflown(Duration::from_secs(10)));
    held.holds = Duration::from_secs(10);
    assert!(held.may_have_overflown(Duration::from_secs(10)), "an answer may take that long");
    held.historic = Arc::new([]);
    assert!(!held.may_have_overflown(Duration::from_secs(10)), "nothing could be read");
}
