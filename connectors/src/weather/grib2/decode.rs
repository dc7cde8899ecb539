//! Values of a field at a few of its points.
//!
//! In: a field and indices. Out: values, NaN where the bit-map has none. Unpacking is that of the crate `grib`.

use super::message::Field;
use super::octets::unsigned;
use grib::Grib2SubmessageDecoder;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// Values at `indices` of a grid of `points`.
pub(super) fn values(field: &Field<'_>, points: usize, indices: &[usize]) -> Result<BTreeMap<usize, f64>, String> {
    // The decoder makes room for as many values as the section claims.
    if unsigned(field.packing, 6, 4).is_none_or(|packed| packed > points as u64) {
        return Err(format!("more values are packed than the grid has points ({points}); download the file again"));
    }
    let template = unsigned(field.packing, 10, 2).unwrap_or_default();
    let mut wanted: Vec<usize> = indices.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let read = || -> Result<BTreeMap<usize, f64>, grib::GribError> {
        let (packing, bitmap, data) = (field.packing.to_vec(), field.bitmap.to_vec(), field.data.to_vec());
        let decoder = Grib2SubmessageDecoder::new(points, packing, bitmap, data)?;
        let (mut found, mut next) = (BTreeMap::new(), wanted.iter().copied().peekable());
        for (index, value) in decoder.dispatch()?.enumerate() {
            if next.next_if_eq(&index).is_some() {
                found.insert(index, f64::from(value));
            }
            if next.peek().is_none() {
                break;
            }
        }
        Ok(found)
    };
    // Unpackers of damaged bytes may panic; a bad file must not take the process with it.
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(format!(
            "its values (packing template 5.{template}) cannot be read: {error}; repack it with grib_set -r -w packingType=grid_simple, or download it again"
        )),
        Err(_) => Err(format!("its values (packing template 5.{template}) are damaged; download the file again")),
    }
}
