//! Numbers in the octets of a section, counted from 1 as in the Manual on Codes.
//!
//! In: a section and a place. Out: a number, `None` beyond the end. Signed ones are sign and magnitude (regulation 92.1.5).

/// Big-endian number of `width` octets that begins at `octet`.
pub(super) fn unsigned(section: &[u8], octet: usize, width: usize) -> Option<u64> {
    let from = octet.checked_sub(1)?;
    let bytes = section.get(from..from.checked_add(width)?)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The same with the sign in the first bit.
pub(super) fn signed(section: &[u8], octet: usize, width: usize) -> Option<i64> {
    let raw = unsigned(section, octet, width)?;
    let sign = 1_u64 << (8 * width - 1);
    let magnitude = i64::try_from(raw & (sign - 1)).ok()?;
    Some(if raw & sign == 0 { magnitude } else { -magnitude })
}

/// True when all bits are set: the value is missing (regulation 92.1.4).
pub(super) fn is_missing(section: &[u8], octet: usize, width: usize) -> bool {
    octet
        .checked_sub(1)
        .and_then(|from| section.get(from..from + width))
        .is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0xff))
}

#[cfg(test)]
mod tests {
    use super::is_missing;
    use super::signed;
    use super::unsigned;

    #[test]
    fn signs_are_bits_and_ends_are_ends() {
        let section = [0x80, 0x00, 0x00, 0x05, 0xff, 0xff];
        assert_eq!((signed(&section, 1, 4), unsigned(&section, 3, 2), unsigned(&section, 5, 3)), (Some(-5), Some(5), None));
        assert!(is_missing(&section, 5, 2) && !is_missing(&section, 4, 2) && unsigned(&section, 0, 1).is_none());
    }
}
