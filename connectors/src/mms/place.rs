//! Where a point's value, quality and time stand in what the controller sends.
//!
//! In: the type of a data object or data set member, a path below it; the members of a data set. Out: a [`Take`]: indexes to follow.
//! Not here: asking for types and values.

use super::address::Address;
use super::value::sample;
use crate::live::Sample;
use iec61850_client::TypeSpecification;
use iec61850_model::MmsValue;

/// A value inside one member: which member, then which component of each structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) member: usize,
    pub(super) steps: Vec<usize>,
}

/// How a point is taken from the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Take {
    pub(super) point: u32,
    value: Spot,
    quality: Option<Spot>,
    time: Option<Spot>,
}

/// Why a path does not lead to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// There is no such name; these are there.
    Name(Vec<String>),
    /// It is a structure; these are the values in it.
    Structure(Vec<String>),
}

/// Steps to the value, and to the `q` and `t` nearest above it.
pub(super) type Steps = (Vec<usize>, Option<Vec<usize>>, Option<Vec<usize>>);

/// Follows a path of names through a type.
pub(super) fn locate(spec: &TypeSpecification, path: &[String]) -> Result<Steps, Missing> {
    let (mut spec, mut steps, mut quality, mut time) = (spec, Vec::new(), None, None);
    for name in path {
        let TypeSpecification::Structure { components } = spec else { return Err(Missing::Name(Vec::new())) };
        let find = |wanted: &str| components.iter().position(|component| component.name == wanted);
        let Some(index) = find(name) else {
            return Err(Missing::Name(components.iter().map(|component| component.name.clone()).collect()));
        };
        let beside = |index: usize| steps.iter().copied().chain([index]).collect::<Vec<_>>();
        quality = find("q").map(beside).or(quality);
        time = find("t").map(beside).or(time);
        steps.push(index);
        spec = &components[index].type_spec;
    }
    if matches!(spec, TypeSpecification::Structure { .. } | TypeSpecification::Array { .. }) {
        return Err(Missing::Structure(leaves(spec)));
    }
    Ok((steps, quality, time))
}

/// Paths of all values of a type, joined by points.
pub(super) fn leaves(spec: &TypeSpecification) -> Vec<String> {
    let mut out = Vec::new();
    gather(spec, "", &mut out);
    out
}

fn gather(spec: &TypeSpecification, above: &str, out: &mut Vec<String>) {
    let TypeSpecification::Structure { components } = spec else {
        out.push(above.into());
        return;
    };
    for component in components {
        let path = if above.is_empty() { component.name.clone() } else { format!("{above}.{}", component.name) };
        gather(&component.type_spec, &path, out);
    }
}

/// Which member of a data set holds an address, and what is below it there.
pub(super) fn member<'a>(members: &[Option<Address>], address: &'a Address) -> Option<(usize, &'a [String])> {
    let below = |held: &Option<Address>| held.as_ref().and_then(|held| address.below(held));
    members.iter().enumerate().find_map(|(index, held)| below(held).map(|rest| (index, rest)))
}

impl Take {
    /// A point inside member `index`. Where the member has no quality or time of its own (a list of single attributes), the members
    /// beside it are looked through.
    pub(super) fn new(point: u32, address: &Address, index: usize, steps: Steps, members: &[Option<Address>]) -> Self {
        let (value, quality, time) = steps;
        let own = |steps: Vec<usize>| Spot { member: index, steps };
        let other = |name: &str| {
            let depths = (1..address.path.len()).rev();
            depths.map(|depth| address.beside(depth, name)).find_map(|wanted| {
                let place = members.iter().position(|held| held.as_ref() == Some(&wanted))?;
                Some(Spot { member: place, steps: Vec::new() })
            })
        };
        let quality = quality.map(own).or_else(|| other("q"));
        let time = time.map(own).or_else(|| other("t"));
        Self { point, value: Spot { member: index, steps: value }, quality, time }
    }

    /// The sample, if this message says anything about it. `included` says which members are in it; the rest of `members` is what was
    /// said last.
    pub(super) fn sample(&self, members: &[Option<MmsValue>], included: &[bool], fallback: Option<i64>) -> Option<Sample> {
        let is_in = |spot: &Spot| included.get(spot.member).copied().unwrap_or(false);
        if !is_in(&self.value) && !self.quality.as_ref().is_some_and(is_in) {
            return None;
        }
        let get = |spot: &Spot| follow(members.get(spot.member)?.as_ref()?, &spot.steps);
        let Some(value) = get(&self.value) else {
            return Some(Sample::missing(self.point, fallback, "no_value"));
        };
        // A time that was not sent with the value is that of an older one.
        let time = self.time.as_ref().filter(|spot| is_in(spot)).and_then(get);
        Some(sample(self.point, value, self.quality.as_ref().and_then(get), time, fallback))
    }
}

fn follow<'a>(mut value: &'a MmsValue, steps: &[usize]) -> Option<&'a MmsValue> {
    for &step in steps {
        let (MmsValue::Structure(parts) | MmsValue::Array(parts)) = value else { return None };
        value = parts.get(step)?;
    }
    Some(value)
}
