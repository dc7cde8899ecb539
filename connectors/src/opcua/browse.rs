//! What a server has: its variables, with units, as a points file wants them.
//!
//! In: a server. Out: [`Found`] things. Browsed from the Objects folder along hierarchical references, in the servers' own words; what the
//! standard itself puts there is left out. Not here: which quantity it is.

use super::Settings;
use super::address;
use super::decode;
use super::dial::Visit;
use super::subscribe::{Manners, attribute, manners, read};
use super::trouble::Trouble;
use crate::live::{Found, Link};
use hashbrown::{HashMap, HashSet};
use opcua::client::Session;
use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResultMask, DataValue, EUInformation, NodeClass, NodeId, ObjectTypeId,
    ReadValueId, ReferenceDescription, ReferenceTypeId, StatusCode, VariableTypeId, Variant,
};

/// Nodes looked at, at most.
const MOST_NODES: usize = 100_000;
/// Nodes per browse request.
const PER_CALL: usize = 100;
/// References per node and answer; the rest comes with a continuation point.
const PER_NODE: u32 = 1000;
/// Continuations of one node, at most: a server that never ends is not followed.
const MOST_CONTINUED: usize = 1000;
/// Bit of EventNotifier: events can be subscribed to (IEC 62541-3, 8.59).
const SUBSCRIBES: u8 = 1;
/// What is said on the way.
const MILESTONES: [(usize, &str); 4] =
    [(1, "browsing"), (1000, "1,000 nodes browsed"), (10_000, "10,000 nodes browsed"), (50_000, "50,000 nodes browsed")];

/// Hears of progress.
type Tell<'a> = &'a (dyn Fn(&'static str) + Send + Sync);

/// A node on the way.
struct Place {
    node: NodeId,
    name: String,
    parent: usize,
    class: NodeClass,
    is_folder: bool,
}

/// Everything found, parents first.
struct Tree {
    places: Vec<Place>,
    /// Unit property of a variable, by the variable's place.
    units: HashMap<usize, NodeId>,
    is_cut: bool,
}

pub(super) async fn discover(settings: &Settings, link: &Link, tell: Tell<'_>) -> Result<Vec<Found>, Trouble> {
    let visit = Visit::begin(settings).await?;
    let found = explore(settings, link, tell, &visit.session).await;
    visit.end().await;
    found
}

async fn explore(settings: &Settings, link: &Link, tell: Tell<'_>, session: &Session) -> Result<Vec<Found>, Trouble> {
    let failed = |error: opcua::types::Error| Trouble::of(settings, "browsing the server", &error);
    let manners = manners(settings, session, link).await?;
    let tree = walk(session, tell).await.map_err(failed)?;
    if tree.is_cut {
        tell("more than 100,000 nodes; the rest is not looked at");
    }
    tell("reading values and units");
    variables(session, &tree, &manners).await.map_err(failed)
}

async fn walk(session: &Session, tell: Tell<'_>) -> Result<Tree, opcua::types::Error> {
    let root = NodeId::objects_folder_id();
    let mut seen = HashSet::from([root.clone()]);
    let start = Place { node: root, name: String::new(), parent: 0, class: NodeClass::Object, is_folder: true };
    let mut tree = Tree { places: vec![start], units: HashMap::new(), is_cut: false };
    let mut next = 0;
    while next < tree.places.len() {
        let batch: Vec<usize> = (next..tree.places.len().min(next + PER_CALL)).collect();
        let before = next;
        next += batch.len();
        let asked: Vec<_> = batch.iter().map(|&at| children(&tree.places[at].node)).collect();
        let results = session.browse(&asked, PER_NODE, None).await?;
        for (at, result) in batch.into_iter().zip(results) {
            let mut references = result.references.unwrap_or_default();
            let mut continuation = result.continuation_point;
            for _ in 0..MOST_CONTINUED {
                if continuation.is_null_or_empty() || references.len() > MOST_NODES {
                    break;
                }
                let more = session.browse_next(false, &[continuation]).await?;
                let Some(more) = more.into_iter().next().filter(|more| more.status_code.is_good()) else { break };
                references.extend(more.references.unwrap_or_default());
                continuation = more.continuation_point;
            }
            for reference in references {
                tree.add(at, &reference, &mut seen);
            }
        }
        if let Some((_, line)) = MILESTONES.iter().find(|(count, _)| before < *count && next >= *count) {
            tell(line);
        }
    }
    Ok(tree)
}

fn children(node: &NodeId) -> BrowseDescription {
    BrowseDescription {
        node_id: node.clone(),
        browse_direction: BrowseDirection::Forward,
        reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
        include_subtypes: true,
        node_class_mask: NodeClass::Object as u32 | NodeClass::Variable as u32,
        result_mask: BrowseResultMask::All as u32,
    }
}

impl Tree {
    fn add(&mut self, parent: usize, reference: &ReferenceDescription, seen: &mut HashSet<NodeId>) {
        let node = &reference.node_id.node_id;
        if reference.node_id.server_index != 0 || !reference.node_id.namespace_uri.is_empty() {
            return;
        }
        let is_variable = self.places[parent].class == NodeClass::Variable;
        if is_variable && reference.browse_name.namespace_index == 0 && reference.browse_name.name.as_ref() == "EngineeringUnits" {
            self.units.insert(parent, node.clone());
            return;
        }
        // Namespace 0 is the standard's: the server's own state, aliases, dictionaries.
        let is_property = reference.type_definition.node_id == VariableTypeId::PropertyType;
        if node.namespace == 0 || is_property || !seen.insert(node.clone()) {
            return;
        }
        if self.places.len() >= MOST_NODES {
            self.is_cut = true;
            return;
        }
        let shown = reference.display_name.text.to_string();
        let name = if shown.is_empty() { reference.browse_name.name.to_string() } else { shown };
        let is_folder = reference.type_definition.node_id == ObjectTypeId::FolderType;
        self.places.push(Place { node: node.clone(), name, parent, class: reference.node_class, is_folder });
    }

    /// Names from below the Objects folder down to this place.
    fn path(&self, mut at: usize) -> Vec<&str> {
        let mut names = Vec::new();
        while at != 0 {
            names.push(self.places[at].name.as_str());
            at = self.places[at].parent;
        }
        names.reverse();
        names
    }

    /// The machine a thing belongs to: the outermost object that is no mere folder, or where all are folders the nearest.
    fn device(&self, at: usize) -> usize {
        let (mut device, mut nearest, mut place) = (0, 0, if at == 0 { 0 } else { self.places[at].parent });
        while place != 0 {
            if self.places[place].class == NodeClass::Object {
                if nearest == 0 {
                    nearest = place;
                }
                if !self.places[place].is_folder {
                    device = place;
                }
            }
            place = self.places[place].parent;
        }
        if device == 0 { nearest } else { device }
    }
}

/// What is asked about the places.
struct Questions {
    variables: Vec<usize>,
    objects: Vec<usize>,
    /// Variables with a unit.
    with_unit: Vec<usize>,
    /// Value, description and type of every variable.
    values: Vec<ReadValueId>,
    units: Vec<ReadValueId>,
    notifiers: Vec<ReadValueId>,
}

/// And the answers, in order.
struct Answers {
    values: Vec<DataValue>,
    units: Vec<DataValue>,
    notifiers: Vec<DataValue>,
}

impl Questions {
    fn of(tree: &Tree) -> Self {
        let of = |class: NodeClass| (1..tree.places.len()).filter(move |&at| tree.places[at].class == class).collect::<Vec<_>>();
        let ask = |at: &usize, what| attribute(tree.places[*at].node.clone(), what);
        let (variables, objects) = (of(NodeClass::Variable), of(NodeClass::Object));
        let three = |at| [AttributeId::Value, AttributeId::Description, AttributeId::DataType].map(|what| ask(at, what));
        let values = variables.iter().flat_map(three).collect();
        let notifiers = objects.iter().map(|at| ask(at, AttributeId::EventNotifier)).collect();
        let with_unit: Vec<usize> = variables.iter().copied().filter(|at| tree.units.contains_key(at)).collect();
        let units =
            with_unit.iter().filter_map(|at| tree.units.get(at)).map(|node| attribute(node.clone(), AttributeId::Value)).collect();
        Self { variables, objects, with_unit, values, units, notifiers }
    }
}

async fn variables(session: &Session, tree: &Tree, manners: &Manners) -> Result<Vec<Found>, opcua::types::Error> {
    let questions = Questions::of(tree);
    let answers = Answers {
        values: read(session, &questions.values, manners.per_read).await?,
        units: read(session, &questions.units, manners.per_read).await?,
        notifiers: read(session, &questions.notifiers, manners.per_read).await?,
    };
    Ok(found(tree, manners, &questions, &answers))
}

fn found(tree: &Tree, manners: &Manners, questions: &Questions, answers: &Answers) -> Vec<Found> {
    let (variables, objects, values, notifiers) = (&questions.variables, &questions.objects, &answers.values, &answers.notifiers);
    let with_unit = questions.with_unit.iter().zip(&answers.units);
    let units: HashMap<usize, String> = with_unit.filter_map(|(at, value)| unit(value).map(|unit| (*at, unit))).collect();
    let devices = Devices::new(tree, variables.iter().chain(objects).map(|&at| tree.device(at)));
    let mut found = Vec::new();
    for (&at, three) in variables.iter().zip(values.as_chunks().0) {
        let [value, description, kind] = three;
        let Some(is_event) = is_boolean(value, kind) else { continue };
        let number = value.value.as_ref().map(decode::number).and_then(Result::ok).flatten();
        found.push(Found {
            address: address::written(&tree.places[at].node, &manners.namespaces),
            name: tree.path(at).join("/"),
            unit: units.get(&at).cloned(),
            description: text(description),
            value: number.map(|number| if is_event { (number != 0.0).to_string() } else { number.to_string() }),
            device: devices.name(tree.device(at)),
            is_event,
            ..Found::default()
        });
    }
    for (&at, notifier) in objects.iter().zip(notifiers) {
        if !matches!(notifier.value, Some(Variant::Byte(bits)) if bits & SUBSCRIBES != 0) {
            continue;
        }
        let path = tree.path(at).join("/");
        let device = tree.device(at);
        let device = if device == 0 { at } else { device };
        let mut options = toml::Table::new();
        options.insert("events".into(), true.into());
        found.push(Found {
            address: address::written(&tree.places[at].node, &manners.namespaces),
            description: Some(format!("Events of {path}")),
            name: path,
            device: devices.name(device),
            is_event: true,
            options,
            ..Found::default()
        });
    }
    found
}

/// Names of devices, with their path where two have the same.
struct Devices(HashMap<usize, String>);

impl Devices {
    fn new(tree: &Tree, devices: impl Iterator<Item = usize>) -> Self {
        let places: HashSet<usize> = devices.collect();
        let mut named: HashMap<&str, usize> = HashMap::new();
        for &at in &places {
            *named.entry(tree.places[at].name.as_str()).or_default() += 1;
        }
        let name = |at: usize| {
            let own = tree.places[at].name.as_str();
            if named.get(own).is_some_and(|count| *count > 1) { tree.path(at).join("/") } else { own.to_owned() }
        };
        Self(places.iter().map(|&at| (at, name(at))).collect())
    }

    fn name(&self, at: usize) -> String {
        self.0.get(&at).cloned().unwrap_or_default()
    }
}

/// True: a boolean; false: a number; `None`: neither. By the value, and where there is none now by the declared type.
fn is_boolean(value: &DataValue, kind: &DataValue) -> Option<bool> {
    match &value.value {
        Some(Variant::Boolean(_)) => return Some(true),
        Some(value) if !matches!(value, Variant::Empty) => return decode::number(value).ok().map(|_| false),
        _ => {}
    }
    let Some(Variant::NodeId(kind)) = &kind.value else { return None };
    // Built-in types and their abstract parents (IEC 62541-6, table 1).
    match kind.as_u32().filter(|_| kind.namespace == 0)? {
        1 => Some(true),
        2..=11 | 26..=28 => Some(false),
        _ => None,
    }
}

fn unit(value: &DataValue) -> Option<String> {
    let Some(Variant::ExtensionObject(object)) = &value.value else { return None };
    let unit = object.inner_as::<EUInformation>()?.display_name.text.to_string();
    Some(unit.trim().to_owned()).filter(|unit| !unit.is_empty())
}

fn text(value: &DataValue) -> Option<String> {
    let Some(Variant::LocalizedText(text)) = &value.value else { return None };
    let is_good = value.status.unwrap_or(StatusCode::Good).is_good();
    Some(text.text.to_string()).filter(|text| is_good && !text.trim().is_empty())
}
