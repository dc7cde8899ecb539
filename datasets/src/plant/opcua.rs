//! OPC UA: `Objects/Plant/WTG01/ActivePower` and so on, with units, source times and status codes.
//!
//! In: the board. Out: an anonymous, read-only server; with a directory for its certificate also signed and encrypted. Node ids are
//! `ns=…;s=WTG01.ActivePower` in the namespace `urn:chergui:plant`. A broken sensor is `BadSensorFailure`, a silent device
//! `BadNoCommunication`; alarms are booleans. No history.

use super::board::Board;
use super::board::Picture;
use super::board::Reading;
use super::board::State;
use super::error::PlantError;
use super::fleet::Signal;
use opcua::crypto::SecurityPolicy;
use opcua::nodes::ObjectBuilder;
use opcua::nodes::VariableBuilder;
use opcua::server::ANONYMOUS_USER_TOKEN_ID;
use opcua::server::Server;
use opcua::server::ServerBuilder;
use opcua::server::ServerHandle;
use opcua::server::address_space::AddressSpace;
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::SimpleNodeManager;
use opcua::server::node_manager::memory::simple_node_manager;
use opcua::types::BuildInfo;
use opcua::types::DataTypeId;
use opcua::types::DataValue;
use opcua::types::DateTime;
use opcua::types::EUInformation;
use opcua::types::ExtensionObject;
use opcua::types::MessageSecurityMode;
use opcua::types::NodeId;
use opcua::types::ObjectId;
use opcua::types::ObjectTypeId;
use opcua::types::QualifiedName;
use opcua::types::StatusCode;
use opcua::types::VariableTypeId;
use opcua::types::Variant;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// The namespace of the plant's nodes.
pub(super) const NAMESPACE: &str = "urn:chergui:plant";
/// Microseconds from 1601-01-01 (OPC UA part 6, 5.2.2.5) to 1970-01-01.
const EPOCH: i64 = 11_644_473_600_000_000;
/// Monitored items and values a subscription may hold: a load test subscribes to everything at once.
const MANY: usize = 200_000;
/// Bytes of a message: all changes of a second of a load test.
const LONGEST_MESSAGE: usize = 16 << 20;
/// The shortest interval that is offered, milliseconds: a plant can be played at a thousand changes per second.
const FASTEST_MS: f64 = 1.0;

/// A signal's node, without the namespace.
pub(super) fn node_name(device: &str, signal: &Signal) -> String {
    format!("{device}.{}", signal.name)
}

/// The server, with every node in place.
pub(super) fn build(address: SocketAddr, pki: Option<&Path>, board: &Board) -> Result<(Server, ServerHandle, Nodes), PlantError> {
    let anonymous = [ANONYMOUS_USER_TOKEN_ID];
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
    let mut builder = ServerBuilder::new_anonymous("Chergui simulated plant")
        .application_uri("urn:chergui:simulated-plant")
        .product_uri("urn:chergui")
        .build_info(BuildInfo {
            product_uri: "urn:chergui".into(),
            manufacturer_name: "Chergui".into(),
            product_name: "Chergui simulated plant".into(),
            software_version: env!("CARGO_PKG_VERSION").into(),
            build_number: "0".into(),
            build_date: DateTime::null(),
        })
        .host(host)
        .port(address.port())
        .max_sessions(100)
        .with_node_manager(simple_node_manager(
            NamespaceMetadata { namespace_uri: NAMESPACE.into(), ..Default::default() },
            "plant",
        ));
    if let Some(pki) = pki {
        let modes = [("sign", MessageSecurityMode::Sign), ("encrypt", MessageSecurityMode::SignAndEncrypt)];
        for (name, mode) in modes {
            builder = builder.add_endpoint(name, ("/", SecurityPolicy::Basic256Sha256, mode, &anonymous as &[&str]));
        }
        builder = builder
            .pki_dir(pki)
            .create_sample_keypair(true)
            .certificate_path("own/cert.der")
            .private_key_path("private/private.pem")
            .trust_client_certs(true);
    }
    let limits = builder.limits_mut();
    limits.max_message_size = LONGEST_MESSAGE;
    limits.max_chunk_count = LONGEST_MESSAGE / limits.send_buffer_size.max(1024) + 1;
    limits.max_array_length = MANY;
    let limits = &mut limits.subscriptions;
    limits.max_monitored_items_per_sub = MANY;
    limits.max_notifications_per_publish = MANY as u64;
    limits.max_monitored_item_queue_size = 1000;
    limits.max_queued_notifications = 1000;
    limits.min_sampling_interval_ms = FASTEST_MS;
    limits.min_publishing_interval_ms = FASTEST_MS;
    limits.max_subscriptions_per_session = 100;
    let refused = |problem: String| PlantError::Start { protocol: "OPC UA", address, problem };
    let (server, handle) = builder.build().map_err(refused)?;
    let manager = handle.node_managers().get_of_type::<SimpleNodeManager>();
    let manager = manager.ok_or_else(|| refused("its node manager is missing".into()))?;
    let namespace = handle.get_namespace_index(NAMESPACE).ok_or_else(|| refused("its namespace is missing".into()))?;
    let nodes = Nodes::insert(&mut manager.address_space().write(), namespace, board);
    nodes.write(&manager, &handle, &board.now(), None, board);
    Ok((server, handle, nodes))
}

/// Runs until `stop`.
pub(super) async fn serve(
    (server, handle, nodes): (Server, ServerHandle, Nodes),
    listener: TcpListener,
    board: Arc<Board>,
    stop: CancellationToken,
) {
    let mut news = board.follow();
    let Some(manager) = handle.node_managers().get_of_type::<SimpleNodeManager>() else { return };
    let run = server.run_with(listener);
    tokio::pin!(run);
    let mut shown: Option<Picture> = None;
    loop {
        tokio::select! {
            ended = &mut run => {
                if let Err(error) = ended {
                    tracing::error!(%error, "the OPC UA server stopped");
                }
                return;
            }
            () = stop.cancelled() => break,
            heard = news.recv() => match heard {
                Ok(picture) => {
                    nodes.write(&manager, &handle, &picture, shown.as_deref(), &board);
                    shown = Some(picture);
                }
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "the OPC UA server is too slow for this rate"),
                Err(RecvError::Closed) => break,
            },
        }
    }
    handle.cancel();
    // Sessions are told; a client that does not answer is not waited for.
    drop(tokio::time::timeout(std::time::Duration::from_secs(2), run).await);
}

/// Ids of the signals' nodes.
#[derive(Debug)]
pub(super) struct Nodes(Vec<NodeId>);

impl Nodes {
    fn insert(space: &mut AddressSpace, namespace: u16, board: &Board) -> Self {
        let plant = NodeId::new(namespace, "Plant");
        space.add_folder(&plant, QualifiedName::new(namespace, "Plant"), "Plant", &ObjectId::ObjectsFolder.into());
        let mut ids = Vec::new();
        for device in &board.fleet.devices {
            let object = NodeId::new(namespace, device.name.as_str());
            ObjectBuilder::new(&object, QualifiedName::new(namespace, device.name.as_str()), device.name.as_str())
                .description(device.asset.name.as_str())
                .has_type_definition(ObjectTypeId::BaseObjectType)
                .organized_by(plant.clone())
                .insert(space);
            for (_, signal) in board.fleet.signals_of(device) {
                let id = NodeId::new(namespace, node_name(&device.name, signal));
                let (kind, definition) = if signal.is_alarm() {
                    (DataTypeId::Boolean, VariableTypeId::BaseDataVariableType)
                } else {
                    (DataTypeId::Double, VariableTypeId::AnalogUnitType)
                };
                VariableBuilder::new(&id, QualifiedName::new(namespace, signal.name.as_str()), signal.name.as_str())
                    .data_type(kind)
                    .value(Variant::Empty)
                    .has_type_definition(definition)
                    .component_of(object.clone())
                    .insert(space);
                if !signal.unit.is_empty() {
                    let property = NodeId::new(namespace, format!("{}.EngineeringUnits", node_name(&device.name, signal)));
                    let unit = EUInformation {
                        namespace_uri: "http://www.opcfoundation.org/UA/units/un/cefact".into(),
                        unit_id: -1,
                        display_name: signal.unit.as_str().into(),
                        description: signal.unit.as_str().into(),
                    };
                    VariableBuilder::new(&property, QualifiedName::new(0, "EngineeringUnits"), "EngineeringUnits")
                        .data_type(DataTypeId::EUInformation)
                        .value(Variant::from(ExtensionObject::from_message(unit)))
                        .has_type_definition(VariableTypeId::PropertyType)
                        .property_of(id.clone())
                        .insert(space);
                }
                ids.push(id);
            }
        }
        Self(ids)
    }

    fn write(
        &self,
        manager: &SimpleNodeManager,
        handle: &ServerHandle,
        now: &[Reading],
        shown: Option<&Vec<Reading>>,
        board: &Board,
    ) {
        let values = self.0.iter().zip(now).zip(&board.fleet.signals).enumerate().filter_map(|(index, ((id, reading), signal))| {
            // A value that did not change keeps its node as it is, but for its time.
            let same = shown
                .and_then(|shown| shown.get(index))
                .is_some_and(|old| old.state == reading.state && old.value == reading.value);
            (!same || !signal.is_alarm()).then(|| (id, None, data_value(reading, signal)))
        });
        if let Err(status) = manager.set_values(handle.subscriptions(), values) {
            tracing::error!(%status, "a value of the OPC UA server could not be written");
        }
    }
}

fn data_value(reading: &Reading, signal: &Signal) -> DataValue {
    let time = DateTime::from((reading.time.saturating_add(EPOCH)).saturating_mul(10));
    let (value, status) = match reading.state {
        State::Good if signal.is_alarm() => (Variant::Boolean(reading.value > 0.0), StatusCode::Good),
        State::Good => (Variant::Double(reading.value), StatusCode::Good),
        // Empty, not absent: the server's variables forget the status of a value that is absent.
        State::SensorFailed => (Variant::Empty, StatusCode::BadSensorFailure),
        State::CommsLost => (Variant::Empty, StatusCode::BadNoCommunication),
    };
    DataValue {
        value: Some(value),
        status: Some(status),
        source_timestamp: Some(time),
        server_timestamp: Some(time),
        ..DataValue::default()
    }
}
