//! Numbers of line protocol: the common shape by integer arithmetic, the rest by the standard library, both to the nearest `f64`.
//!
//! In: bytes that begin with a sign, a digit or a point. Out: a value and its length, or a refusal. Not here: what ends a field.

/// Powers of ten that an `f64` holds exactly.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The number at the start of `bytes` with its length, which ends before `,`, a blank or the end. `None`: not a number.
/// May be infinite where the text is beyond `f64`.
#[inline]
pub(super) fn number(bytes: &[u8]) -> Option<(f64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut at, mut mantissa) = (start, 0_u64);
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    let mut digits = at - start;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        fraction = at - point;
        digits += fraction;
    }
    // At most 19 digits cannot have wrapped. An exact integer below 2^53 over an exact power of ten is rounded once: the nearest value.
    if digits == 0 || digits > 19 {
        return written_out(bytes);
    }
    let sign = |value: f64| if negative { -value } else { value };
    match bytes.get(at) {
        None | Some(b',' | b' ' | b'\t') if mantissa <= 1 << 53 && fraction < EXACT.len() => {
            Some((sign(mantissa as f64 / EXACT[fraction]), at))
        }
        Some(b'i') if fraction == 0 && bytes[at - 1] != b'.' && is_end(bytes, at + 1) => {
            let most = i64::MAX.unsigned_abs() + u64::from(negative);
            (mantissa <= most).then(|| (sign(mantissa as f64), at + 1))
        }
        _ => written_out(bytes),
    }
}

fn is_end(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at), None | Some(b',' | b' ' | b'\t'))
}

/// The rare shapes: exponents, many digits, unsigned. Words (`nan`, `inf`) and a leading plus are no numbers here.
#[cold]
fn written_out(bytes: &[u8]) -> Option<(f64, usize)> {
    let length = (0..bytes.len()).find(|&at| is_end(bytes, at)).unwrap_or(bytes.len());
    let token = std::str::from_utf8(&bytes[..length]).ok()?;
    let first = token.strip_prefix('-').unwrap_or(token).bytes().next()?;
    if !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    let value = match token.as_bytes()[length - 1] {
        b'i' => token[..length - 1].parse::<i64>().ok()? as f64,
        b'u' => token[..length - 1].parse::<u64>().ok()? as f64,
        _ => token.parse().ok()?,
    };
    Some((value, length))
}

#[cfg(test)]
mod tests {
    use super::number;
    use proptest::prelude::*;

    #[test]
    fn shapes() {
        let good = [
            ("0", 0.0),
            ("-0", -0.0),
            ("12.1", 12.1),
            ("-3.5", -3.5),
            ("1.", 1.0),
            (".5", 0.5),
            ("-.5", -0.5),
            ("1e5", 1e5),
            ("1.5E+5", 1.5e5),
            ("2e-3", 2e-3),
            ("0i", 0.0),
            ("-12i", -12.0),
            ("9223372036854775807i", 2_f64.powi(63)),
            ("-9223372036854775808i", -2_f64.powi(63)),
            ("18446744073709551615u", 2_f64.powi(64)),
            ("7u", 7.0),
            ("0.1234567890123456789", 0.123_456_789_012_345_68),
            ("00000000000000000000012", 12.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("1e400", f64::INFINITY),
        ];
        for (text, value) in good {
            for tail in ["", ",b=1", " 12", "\t"] {
                let got = number(format!("{text}{tail}").as_bytes());
                let (found, length) = got.unwrap_or_else(|| panic!("{text}{tail}"));
                assert_eq!((found.to_bits(), length), (value.to_bits(), text.len()), "{text}{tail}");
            }
        }
        let bad = [
            "",
            "-",
            ".",
            "-.",
            "1x",
            "+1",
            "1.5i",
            "1.i",
            "1e",
            "1e5i",
            "i",
            "-u",
            "-1u",
            "9223372036854775808i",
            "1.2.3",
            "--1",
            "1e5e5",
            "inf",
            "-inf",
            "nan",
            "1_0",
            "18446744073709551616u",
            "0x10",
            "1i2",
            "-9223372036854775809i",
        ];
        for text in bad {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn equals_the_standard_library(text in "-?[0-9]{1,20}(\\.[0-9]{0,20})?(e-?[0-9]{1,3})?") {
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(number(text.as_bytes()).map(|(value, length)| (value.to_bits(), length)), Some((expected.to_bits(), text.len())));
        }

        #[test]
        fn equals_it_for_what_rust_prints(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.3}")] {
                let expected: f64 = text.parse().unwrap();
                prop_assert_eq!(number(text.as_bytes()).map(|(value, _)| value.to_bits()), Some(expected.to_bits()), "{}", text);
            }
        }

        #[test]
        fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((_, length)) = number(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
