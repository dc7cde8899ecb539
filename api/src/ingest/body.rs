//! Bodies of the doors: read within their room and time, unpacked within their limit.
//!
//! In: a request's payload, plain or packed with gzip, deflate or zstd. Out: its bytes and the share of the room they take. A body
//! is unpacked off the threads that answer requests; a bomb is refused as soon as it passes the limit.

use super::Ingest;
use super::room::Share;
use crate::error::Code;
use crate::error::Problem;
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{self, Bytes, BytesMut};
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use futures::StreamExt;
use std::io::{self, Read};
use tokio::time::{Instant, timeout_at};

/// Room is asked for in steps of this many bytes.
const STEP: usize = 1 << 18;
/// Bodies up to this size are read where they are: a thread more costs more than reading them.
const SMALL: usize = 1 << 14;
/// Largest window of a zstd frame: 8 MiB, what RFC 8878 asks every decoder to take.
const ZSTD_WINDOW_LOG: u32 = 23;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Deflate,
    Zstd,
}

/// A body as it came.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    packing: Packing,
    share: Share,
    limit: usize,
}

/// Reads the whole body as it was sent.
///
/// # Errors
/// Problems: `unsupported_media_type` for another packing, `too_large`, `overloaded`, `request_timeout`, `bad_request`.
pub(crate) async fn read(request: &HttpRequest, mut payload: web::Payload, ingest: &Ingest) -> Result<Body, Problem> {
    let packing = packing(request)?;
    let limit = ingest.body_limit;
    let stated = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let mut whole = BytesMut::with_capacity(stated.unwrap_or(0_usize).min(limit));
    let mut share = ingest.room.share();
    let deadline = Instant::now() + ingest.body_time;
    let (mut seen, mut held) = (0_usize, 0);
    while let Some(chunk) = timeout_at(deadline, payload.next()).await.map_err(|_| slow(ingest))? {
        let chunk = chunk.map_err(|error| Problem::new(Code::BadRequest, format!("the body broke off: {error}")))?;
        seen = seen.saturating_add(chunk.len());
        if seen > limit.saturating_mul(2) {
            break; // Up to twice the limit is read and dropped, so that a client which is still sending hears the answer.
        }
        if seen <= limit {
            if seen > held {
                held = seen.max((seen + STEP).min(stated.unwrap_or(seen)));
                share.resize(held).await?;
            }
            whole.extend_from_slice(&chunk);
        }
    }
    if seen > limit {
        return Err(too_large(limit, "the body"));
    }
    Ok(Body { bytes: whole.freeze(), packing, share, limit })
}

impl Body {
    /// The bytes as they were sent.
    pub(crate) const fn sent(&self) -> &Bytes {
        &self.bytes
    }

    /// Unpacks the body and reads it with `reader`, off this thread where it is not small.
    ///
    /// # Errors
    /// Those of `reader`, `too_large`, `overloaded`, and `bad_request` for a broken packing or a body that breaks the reader.
    pub(crate) async fn decode<T: Send + 'static>(
        self,
        ingest: &Ingest,
        reader: impl FnOnce(Bytes, &mut Share) -> Result<T, Problem> + Send + 'static,
    ) -> Result<(T, Share), Problem> {
        let mut body = self;
        // What it will probably unpack to is waited for before a turn is taken: turns are few, and others give room back by them.
        let held = body.expected();
        body.share.resize(held).await?;
        let work = move || {
            let (bytes, mut share) = body.unpack(held)?;
            reader(bytes, &mut share).map(|read| (read, share))
        };
        let _turn = ingest.turns.acquire().await;
        web::block(work).await.map_err(|_| Problem::new(Code::BadRequest, "the body cannot be read: it is damaged"))?
    }

    /// True for a body that is read faster than it is handed to another thread.
    pub(crate) fn is_small(&self) -> bool {
        self.packing == Packing::None && self.bytes.len() <= SMALL
    }

    /// As [`Body::decode`], on this thread.
    pub(crate) fn decode_here<T>(
        self,
        reader: impl FnOnce(Bytes, &mut Share) -> Result<T, Problem>,
    ) -> Result<(T, Share), Problem> {
        let Self { bytes, mut share, .. } = self;
        reader(bytes, &mut share).map(|read| (read, share))
    }

    /// Bytes to hold while it is unpacked; telemetry as text packs to about a tenth.
    fn expected(&self) -> usize {
        let packed = self.bytes.len();
        if self.packing == Packing::None { packed } else { packed + packed.saturating_mul(10).min(self.limit) }
    }

    fn unpack(self, held: usize) -> Result<(Bytes, Share), Problem> {
        let Self { bytes, packing, mut share, limit } = self;
        let packed = bytes.as_ref();
        let mut grow = |unpacked: usize| match packed.len() + unpacked {
            needed if needed > held => share.resize_here(needed),
            _ => Ok(()),
        };
        let whole = match packing {
            Packing::None => return Ok((bytes, share)),
            Packing::Gzip => expand(MultiGzDecoder::new(packed), "gzip", limit, &mut grow)?,
            Packing::Deflate => expand(ZlibDecoder::new(packed), "deflate", limit, &mut grow)?,
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(|cause| broken("zstd", &cause))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|cause| broken("zstd", &cause))?;
                expand(decoder, "zstd", limit, &mut grow)?
            }
        };
        drop(bytes);
        share.resize_here(whole.len())?;
        Ok((Bytes::from(whole), share))
    }
}

fn expand(
    mut from: impl Read,
    name: &str,
    limit: usize,
    grow: &mut impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Vec<u8>, Problem> {
    let mut whole = Vec::with_capacity(limit.min(STEP));
    loop {
        grow(whole.len() + STEP)?;
        let read = from.by_ref().take(STEP as u64).read_to_end(&mut whole).map_err(|cause| broken(name, &cause))?;
        if whole.len() > limit {
            return Err(too_large(limit, "the unpacked body"));
        }
        if read == 0 {
            return Ok(whole);
        }
    }
}

fn packing(request: &HttpRequest) -> Result<Packing, Problem> {
    let Some(value) = request.headers().get(header::CONTENT_ENCODING) else { return Ok(Packing::None) };
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Packing::None),
        "gzip" | "x-gzip" => Ok(Packing::Gzip),
        "deflate" => Ok(Packing::Deflate),
        "zstd" => Ok(Packing::Zstd),
        other => {
            let detail = format!("Content-Encoding {other:?} is not taken here; send gzip, zstd, deflate or nothing");
            Err(Problem::new(Code::UnsupportedMediaType, detail))
        }
    }
}

/// The problem of a body beyond `limit` bytes.
pub(crate) fn too_large(limit: usize, what: &str) -> Problem {
    let mib = limit / (1 << 20);
    Problem::new(Code::TooLarge, format!("{what} is larger than {mib} MiB; send the rows in several requests"))
        .with("limit_bytes", limit)
}

fn broken(name: &str, cause: &io::Error) -> Problem {
    let what = if cause.kind() == io::ErrorKind::UnexpectedEof { "ends too early".into() } else { cause.to_string() };
    Problem::new(Code::BadRequest, format!("the {name} body is damaged: {what}; send it again"))
}

fn slow(ingest: &Ingest) -> Problem {
    ingest.figures.refused("slow_body");
    let seconds = ingest.body_time.as_secs();
    Problem::new(Code::RequestTimeout, format!("the body did not come within {seconds} s; send fewer rows per request"))
}
