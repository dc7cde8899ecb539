//! Opening files: plain, gzip or zstd by their first bytes, with a count of the bytes consumed on disk.
//!
//! In: a path. Out: a buffered reader and the counter behind the progress bar. Not here: what the bytes mean.

use engine::source::SourceError;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

const BUFFER: usize = 256 * 1024;

/// Bytes of the file consumed so far; shared with the reader.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

struct Counted {
    file: File,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> SourceError + '_ {
    move |cause| SourceError::Io { place: path.display().to_string(), cause }
}

/// Opens a text file, unpacking gzip and zstd, past a byte order mark.
pub(crate) fn open(path: &Path) -> Result<(Box<dyn BufRead + Send>, Progress), SourceError> {
    let progress = Progress::default();
    let file = File::open(path).map_err(io(path))?;
    let mut raw = BufReader::with_capacity(BUFFER, Counted { file, progress: progress.clone() });
    let start = raw.fill_buf().map_err(io(path))?;
    let mut reader: Box<dyn BufRead + Send> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw)))
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(raw).map_err(io(path))?))
    } else {
        Box::new(raw)
    };
    let start = reader.fill_buf().map_err(io(path))?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        let problem = "the file is UTF-16; save it as UTF-8".into();
        return Err(SourceError::Format { place: path.display().to_string(), problem });
    }
    if start.starts_with(&[0xef, 0xbb, 0xbf]) {
        reader.consume(3);
    }
    Ok((reader, progress))
}
