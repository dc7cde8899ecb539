//! Values of a field at a few of its points.
//!
//! In: a field and indices. Out: values, NaN where the bit-map has none. Unpacking is that of the crate `grib`, images are ours.

use super::image;
use super::message::Field;
use super::octets::unsigned;
use grib::Grib2SubmessageDecoder;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// Packing as a PNG image.
const IMAGE: u64 = 41;
/// Octets of a section before its contents: the length and the number.
const SECTION_HEADER: usize = 5;

/// Values at `indices` of a grid of `points`.
pub(super) fn values(field: &Field<'_>, points: usize, indices: &[usize]) -> Result<BTreeMap<usize, f64>, String> {
    // The decoder makes room for as many values as the section claims.
    if unsigned(field.packing, 6, 4).is_none_or(|packed| packed > points as u64) {
        return Err(format!("more values are packed than the grid has points ({points}); download the file again"));
    }
    let template = unsigned(field.packing, 10, 2).unwrap_or_default();
    let (mut packing, mut data) = (field.packing.to_vec(), field.data.to_vec());
    if template == IMAGE {
        let (header, packed) = data.split_at_checked(SECTION_HEADER).unwrap_or_default();
        let samples = image::samples(packed, points).map_err(|problem| format!("{problem}; download the file again"))?;
        let Some([high, low, fields @ ..]) = packing.get_mut(9..) else {
            return Err("section 5 is cut short; download the file again".into());
        };
        (*high, *low) = (0, 0);
        if let Some(bits) = fields.get_mut(8) {
            *bits = samples.bits;
        }
        let length = u32::try_from(SECTION_HEADER + samples.octets.len()).map_err(|_| "the image is too large")?;
        data = [&length.to_be_bytes(), header.get(4..).unwrap_or_default(), &samples.octets].concat();
    }
    let mut wanted: Vec<usize> = indices.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let read = || -> Result<BTreeMap<usize, f64>, grib::GribError> {
        let decoder = Grib2SubmessageDecoder::new(points, packing, field.bitmap.to_vec(), data)?;
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
