//! placeholder until written
use super::fleet::Fleet;
use super::specialist::{Opinion, Specialist};
#[derive(Debug)]
pub(crate) struct Transformer;
impl Transformer { pub(crate) fn fit(_f: &Fleet, _m: usize, _u: usize) -> Option<Self> { None } }
impl Specialist for Transformer { fn judge(&self, _f: &Fleet, _m: usize, _from: usize) -> Opinion { Opinion::default() } }
