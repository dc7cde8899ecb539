//! Values packed as a PNG image (template 5.41): the image's samples are the numbers of simple packing (template 5.0).
//!
//! In: section 7 as the image, how many samples the grid may have. Out: the samples as whole octets, most significant first, and their
//! width in bits. After the PNG specification (W3C, third edition); deflate is that of `flate2`. The PNG reader that the crate `grib`
//! brings changes features of crates that Arrow shares, which would build all of DataFusion twice.

use super::octets::unsigned;
use flate2::read::ZlibDecoder;
use std::io::Read;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Samples of an image: octets, and bits of each sample.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) octets: Vec<u8>,
    pub(super) bits: u8,
}

/// Unpacks an image of at most `points` pixels.
///
/// # Errors
/// Says what is wrong with the image.
pub(super) fn samples(image: &[u8], points: usize) -> Result<Samples, String> {
    let mut rest = image.strip_prefix(SIGNATURE).ok_or("it is no PNG image")?;
    let (mut header, mut packed, mut ended) = (None, Vec::new(), false);
    while let (Some(length), Some(kind)) = (unsigned(rest, 1, 4), rest.get(4..8)) {
        let body = usize::try_from(length).ok().and_then(|length| rest.get(8..8_usize.checked_add(length)?));
        let body = body.ok_or("a chunk of the image goes beyond its end")?;
        match kind {
            b"IHDR" => header = Some(Header::read(body)?),
            b"IDAT" => packed.extend_from_slice(body),
            b"IEND" => {
                ended = true;
                break;
            }
            _ => {}
        }
        // Four octets of length, four of type, four of checksum.
        rest = rest.get(12 + body.len()..).unwrap_or_default();
    }
    let header = header.filter(|_| ended).ok_or("the image has no header or no end")?;
    // An image without pixels is none, and its other side could ask for any memory.
    if header.width.checked_mul(header.height).is_none_or(|pixels| pixels == 0 || pixels > points) {
        return Err(format!("the image is {} by {} pixels, the grid has {points} points", header.width, header.height));
    }
    let row = (header.width * header.pixel_bits).div_ceil(8);
    let expected = (row + 1) * header.height;
    let mut filtered = Vec::with_capacity(expected);
    let read = ZlibDecoder::new(packed.as_slice()).take(expected as u64).read_to_end(&mut filtered);
    read.map_err(|error| format!("the image does not unpack: {error}"))?;
    if filtered.len() != expected {
        return Err(format!("the image unpacks to {} octets of {expected}", filtered.len()));
    }
    let plain = unfilter(&filtered, row, header.pixel_bits.div_ceil(8))?;
    Ok(header.whole_octets(plain, row))
}

#[derive(Debug)]
struct Header {
    width: usize,
    height: usize,
    pixel_bits: usize,
}

impl Header {
    fn read(body: &[u8]) -> Result<Self, String> {
        let size = |octet| unsigned(body, octet, 4).and_then(|size| usize::try_from(size).ok());
        let (Some(width), Some(height), [depth, colour, 0, 0, interlaced]) = (size(1), size(5), body.get(8..).unwrap_or_default())
        else {
            return Err("the header of the image is damaged".into());
        };
        // Numbers of 24 and 32 bits are the three or four channels of a pixel.
        let pixel_bits = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => usize::from(*depth),
            (2, 8) => 24,
            (6, 8) => 32,
            _ => return Err(format!("images of colour type {colour} with {depth} bits hold no values")),
        };
        if *interlaced != 0 {
            return Err("the image is interlaced".into());
        }
        Ok(Self { width, height, pixel_bits })
    }

    /// Samples below an octet get one each: rows of an image begin at an octet, those of simple packing do not.
    fn whole_octets(&self, plain: Vec<u8>, row: usize) -> Samples {
        if self.pixel_bits >= 8 {
            return Samples { octets: plain, bits: self.pixel_bits as u8 };
        }
        let mask = (1_u8 << self.pixel_bits) - 1;
        let mut octets = Vec::with_capacity(self.width * self.height);
        for line in plain.chunks_exact(row.max(1)) {
            octets.extend((0..self.width).map(|pixel| {
                let bit = pixel * self.pixel_bits;
                line[bit / 8] >> (8 - self.pixel_bits - bit % 8) & mask
            }));
        }
        Samples { octets, bits: 8 }
    }
}

/// Undoes the filter that the first octet of each row names; `back` octets lie between a sample and the one before it.
fn unfilter(filtered: &[u8], row: usize, back: usize) -> Result<Vec<u8>, String> {
    let mut plain: Vec<u8> = Vec::with_capacity(filtered.len());
    for (line, octets) in filtered.chunks_exact(row + 1).enumerate() {
        let start = line * row;
        for (at, octet) in octets[1..].iter().enumerate() {
            let left = if at >= back { plain[start + at - back] } else { 0 };
            let up = if line > 0 { plain[start + at - row] } else { 0 };
            let corner = if line > 0 && at >= back { plain[start + at - row - back] } else { 0 };
            let guess = match octets[0] {
                0 => 0,
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, corner),
                other => return Err(format!("row {line} of the image has filter {other}, which is none")),
            };
            plain.push(octet.wrapping_add(guess));
        }
    }
    Ok(plain)
}

/// Whichever neighbour is nearest to left + up - corner.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let far = |of: u8| (guess - i16::from(of)).abs();
    if far(left) <= far(up) && far(left) <= far(corner) {
        left
    } else if far(up) <= far(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::SIGNATURE;
    use super::Samples;
    use super::samples;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    fn image(width: u32, height: u32, depth: u8, colour: u8, rows: &[u8]) -> Vec<u8> {
        let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
        header.extend([depth, colour, 0, 0, 0]);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(rows).unwrap();
        let packed = zlib.finish().unwrap();
        let mut image = SIGNATURE.to_vec();
        for (kind, body) in [(b"IHDR", header.as_slice()), (b"IDAT", &packed), (b"IEND", &[])] {
            image.extend((body.len() as u32).to_be_bytes());
            image.extend(kind);
            image.extend(body);
            image.extend([0; 4]);
        }
        image
    }

    #[test]
    fn every_filter_is_undone() {
        // The third row by the neighbours' mean, the fourth by Paeth's guess; worked by hand.
        let rows = [[1, 10, 5, 5], [2, 1, 1, 1], [3, 5, 4, 2], [4, 1, 1, 1], [0, 7, 8, 9]].concat();
        let read = samples(&image(3, 5, 8, 0, &rows), 15).unwrap();
        let expected = [[10, 15, 20], [11, 16, 21], [10, 17, 21], [11, 18, 22], [7, 8, 9]].concat();
        assert_eq!(read, Samples { octets: expected, bits: 8 });
    }

    #[test]
    fn widths_from_one_bit_to_four_octets() {
        let small = samples(&image(3, 2, 2, 0, &[0, 0b01_10_11_00, 0, 0b11_00_10_00]), 6).unwrap();
        assert_eq!(small, Samples { octets: vec![1, 2, 3, 3, 0, 2], bits: 8 });
        let wide = samples(&image(2, 1, 8, 6, &[1, 1, 2, 3, 4, 1, 1, 1, 1]), 2).unwrap();
        assert_eq!(wide, Samples { octets: vec![1, 2, 3, 4, 2, 3, 4, 5], bits: 32 });
        assert_eq!(samples(&image(1, 1, 16, 0, &[0, 1, 2]), 1).unwrap(), Samples { octets: vec![1, 2], bits: 16 });
        assert_eq!(samples(&image(1, 1, 8, 2, &[0, 1, 2, 3]), 1).unwrap(), Samples { octets: vec![1, 2, 3], bits: 24 });
    }

    #[test]
    fn images_that_are_not_ours_are_refused() {
        let good = image(2, 2, 8, 0, &[0, 1, 2, 0, 3, 4]);
        assert!(samples(&good, 4).is_ok());
        let said = |image: &[u8]| samples(image, 4).unwrap_err();
        assert!(said(b"GIF89a").contains("no PNG"));
        assert!(said(&image(3, 2, 8, 0, &[0; 8])).contains("3 by 2"));
        assert!(said(&image(u32::MAX, u32::MAX, 8, 0, &[])).contains("pixels"));
        assert!(said(&image(0, u32::MAX, 8, 0, &[])).contains("pixels") && said(&image(u32::MAX, 0, 8, 0, &[])).contains("pixels"));
        assert!(said(&image(2, 2, 8, 3, &[0; 6])).contains("colour type 3"));
        assert!(said(&image(2, 2, 8, 0, &[9; 6])).contains("filter 9"));
        assert!(said(&image(2, 2, 8, 0, &[0; 5])).contains("5 octets of 6"));
        for end in 0..good.len() - 12 {
            assert!(samples(&good[..end], 4).is_err(), "cut at {end}");
        }
    }
}
