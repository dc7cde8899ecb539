//! A forest as bytes, little endian.
//!
//! In: a [`Forest`] or its bytes. Out: the other. Bytes that are no forest are refused, not trusted.

use super::grow::{Node, Tree};
use super::{Forest, MOST_QUANTILES};
use crate::models::state::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MAGIC: u32 = 0x3246_4243;

impl Forest {
    /// The forest as bytes: magic, sizes, probabilities, start values, then each tree with its nodes and corrections.
    pub fn state(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |value: u32| bytes.extend_from_slice(&value.to_le_bytes());
        put(MAGIC);
        put(self.width as u32);
        put(self.probabilities.len() as u32);
        put(self.trees.len() as u32);
        for probability in &self.probabilities {
            let bits = probability.to_bits();
            put(bits as u32);
            put((bits >> 32) as u32);
        }
        self.start.iter().for_each(|value| put(value.to_bits()));
        for tree in &self.trees {
            put(tree.nodes.len() as u32);
            for node in &tree.nodes {
                put(node.column << 1 | u32::from(node.missing_left));
                put(node.edge.to_bits());
                put(node.left as u32);
                put(node.right as u32);
                put(node.share.to_bits());
            }
            let to = tree.from + tree.leaves() * tree.outputs;
            self.corrections[tree.from..to].iter().for_each(|value| put(value.to_bits()));
        }
        bytes
    }

    /// The forest of [`Forest::state`]; `None` when the bytes are not one.
    pub fn from_state(bytes: &[u8]) -> Option<Self> {
        let mut words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let mut next = || words.next();
        if !bytes.len().is_multiple_of(4) || next()? != MAGIC {
            return None;
        }
        let (width, quantiles, count) = (next()? as usize, next()? as usize, next()? as usize);
        if !(1..=MOST_QUANTILES).contains(&quantiles) || count > bytes.len() {
            return None;
        }
        let outputs = quantiles + 1;
        let mut probabilities = Vec::with_capacity(quantiles);
        for _ in 0..quantiles {
            probabilities.push(f64::from_bits(u64::from(next()?) | u64::from(next()?) << 32));
        }
        let mut start = Vec::with_capacity(outputs);
        for _ in 0..outputs {
            start.push(f32::from_bits(next()?));
        }
        let (mut trees, mut corrections) = (Vec::with_capacity(count), Vec::new());
        for _ in 0..count {
            let size = next()? as usize;
            if size > bytes.len() {
                return None;
            }
            let mut nodes = Vec::with_capacity(size);
            for at in 0..size {
                let column = next()?;
                let node = Node {
                    column: column >> 1,
                    missing_left: column & 1 == 1,
                    edge: f32::from_bits(next()?),
                    left: next()? as i32,
                    right: next()? as i32,
                    share: f32::from_bits(next()?),
                };
                // Children stand behind their parents, so that following a row always ends.
                let fits = |child: i32| {
                    if child < 0 { (-1 - child) as usize <= size } else { child as usize > at && (child as usize) < size }
                };
                if node.column as usize >= width || !fits(node.left) || !fits(node.right) {
                    return None;
                }
                nodes.push(node);
            }
            let from = corrections.len();
            for _ in 0..(size + 1) * outputs {
                corrections.push(f32::from_bits(next()?));
            }
            trees.push(Tree { nodes, from, outputs });
        }
        if next().is_some() { None } else { Some(Self { width, probabilities, start, trees, corrections }) }
    }
}

impl Serialize for Forest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Bytes(self.state()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Forest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        Self::from_state(&bytes.0).ok_or_else(|| D::Error::custom("these bytes are no forest"))
    }
}
