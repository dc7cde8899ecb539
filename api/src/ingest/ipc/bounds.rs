//! How much the compressed buffers of an Arrow IPC stream unpack to, from their own words and without unpacking them.
//!
//! In: the bytes of a stream. Out: bytes, or a problem beyond the limit. A reader trusts the length written before each buffer and
//! allocates it, and LZ4 frames may hold more than that length says; both are bounded here first. Formats: Arrow columnar format 1.5,
//! "Encapsulated message format" and "Compression"; LZ4 frame format 1.6.

use crate::error::Code;
use crate::error::Problem;
use crate::ingest::body::too_large;
use arrow::ipc::{CompressionType, MessageHeader, RecordBatch, root_as_message};

/// Largest ratio of LZ4: a length byte stands for 255 bytes.
const LZ4_RATIO: usize = 255;

/// Bytes that all compressed buffers unpack to, at most `limit`.
///
/// # Errors
/// Problems `bad_request` for a stream that is cut or damaged, `too_large`.
pub(super) fn unpacked(stream: &[u8], limit: usize) -> Result<usize, Problem> {
    let (mut rest, mut total) = (stream, 0_usize);
    while !rest.is_empty() {
        let mut size = word(&mut rest)?;
        if size == u32::MAX {
            size = word(&mut rest)?;
        }
        if size == 0 {
            break;
        }
        let message = root_as_message(split(&mut rest, size as usize)?).map_err(|_| damaged())?;
        let body = split(&mut rest, usize::try_from(message.bodyLength()).map_err(|_| damaged())?)?;
        let batch = match message.header_type() {
            MessageHeader::RecordBatch => message.header_as_record_batch(),
            MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data()),
            _ => None,
        };
        if let Some(batch) = batch {
            total = total.saturating_add(buffers(&batch, body)?);
        }
        if total > limit {
            return Err(too_large(limit, "the uncompressed stream"));
        }
    }
    Ok(total)
}

fn buffers(batch: &RecordBatch<'_>, body: &[u8]) -> Result<usize, Problem> {
    let (Some(compression), Some(buffers)) = (batch.compression(), batch.buffers()) else { return Ok(0) };
    let mut total = 0_usize;
    for buffer in buffers {
        let start = usize::try_from(buffer.offset()).map_err(|_| damaged())?;
        let length = usize::try_from(buffer.length()).map_err(|_| damaged())?;
        let mut bytes = body.get(start..start.saturating_add(length)).ok_or_else(damaged)?;
        if bytes.is_empty() {
            continue;
        }
        let mut stated = [0; 8];
        stated.copy_from_slice(split(&mut bytes, 8)?);
        // -1 says that the buffer was not worth compressing.
        let Ok(stated) = usize::try_from(i64::from_le_bytes(stated)) else { continue };
        let real = if compression.codec() == CompressionType::LZ4_FRAME && stated > 0 { lz4(bytes)? } else { 0 };
        total = total.saturating_add(stated.max(real));
    }
    Ok(total)
}

/// Most bytes an LZ4 frame can hold, from the sizes of its blocks.
fn lz4(mut frame: &[u8]) -> Result<usize, Problem> {
    if word(&mut frame)? != 0x184D_2204 {
        return Err(damaged());
    }
    let descriptor = split(&mut frame, 2)?;
    let (flags, block) = (descriptor[0], usize::from(descriptor[1] >> 4 & 7));
    let optional = usize::from(flags >> 3 & 1) * 8 + usize::from(flags & 1) * 4 + 1;
    split(&mut frame, optional)?;
    // 4 is 64 KiB, 7 is 4 MiB.
    let largest = (1_usize << 8).checked_shl(2 * u32::try_from(block).unwrap_or(0)).unwrap_or(0);
    let mut total = 0_usize;
    loop {
        let size = word(&mut frame)?;
        if size == 0 {
            break;
        }
        let length = (size & 0x7FFF_FFFF) as usize;
        split(&mut frame, length + usize::from(flags >> 4 & 1) * 4)?;
        total = total.saturating_add(length.saturating_mul(LZ4_RATIO).min(largest));
    }
    split(&mut frame, usize::from(flags >> 2 & 1) * 4)?;
    if frame.is_empty() { Ok(total) } else { Err(damaged()) }
}

fn word(rest: &mut &[u8]) -> Result<u32, Problem> {
    let mut word = [0; 4];
    word.copy_from_slice(split(rest, 4)?);
    Ok(u32::from_le_bytes(word))
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Problem> {
    let (head, tail) = rest.split_at_checked(length).ok_or_else(damaged)?;
    *rest = tail;
    Ok(head)
}

fn damaged() -> Problem {
    Problem::new(Code::BadRequest, "the Arrow stream cannot be read: it is cut short or damaged")
}
