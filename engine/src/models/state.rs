//! What was learnt, as bytes: CBOR (RFC 8949), which keeps every bit of a number and NaN.
//!
//! In: a value that serde can write. Out: its bytes, the same for the same value, or the value of bytes that are one.

use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The bytes of a value.
pub(crate) fn written<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("memory takes every byte, and no value here refuses to be written");
    bytes
}

/// The value of such bytes; `None` when they are something else.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    ciborium::from_reader(bytes).ok()
}

/// Bytes inside a value, written as they are and not as a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Held;
        impl Visitor<'_> for Held {
            type Value = Bytes;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Held)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, read, written};

    #[test]
    fn every_number_comes_back_bit_by_bit() {
        let values = vec![0.1, -0.0, 1.0 / 3.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, 1e300, 65_504.0];
        let back: Vec<f64> = read(&written(&values)).unwrap();
        assert!(values.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())), "{back:?}");
        let bytes = Bytes((0..=255).collect());
        assert_eq!(read::<Bytes>(&written(&bytes)), Some(bytes));
        assert_eq!(read::<Vec<f64>>(b"something else"), None);
    }
}
