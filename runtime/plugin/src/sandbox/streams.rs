//! Streams: always ready, with constant budgets.
//!
//! A read returns all that was asked for up to the end of the file. A write that fails traps: an error
//! in the stream could be ignored by a guest, which would then succeed with half its output.

use super::fault::Fault;
use super::inputs::InFile;
use super::log::Log;
use super::outputs::OutFile;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// The most that one read returns, however much was asked for.
pub(crate) const MOST_READ: u64 = 16 << 20;
/// What `check-write` always answers.
const WRITE_BUDGET: usize = 1 << 20;

/// A file that is read.
#[derive(Clone)]
pub(crate) enum Readable {
    In(Arc<InFile>),
    Out(Opened),
}

impl Readable {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::In(file) => file.blob.len(),
            Self::Out(file) => file.0.len(),
        }
    }

    /// Reads `most` bytes, or what is left up to the end.
    pub(crate) fn read(&self, most: u64, offset: u64) -> Result<Vec<u8>, Fault> {
        let count = most.min(MOST_READ).min(self.len().saturating_sub(offset));
        let mut buffer = vec![0; usize::try_from(count).unwrap_or_default()];
        let done = match self {
            Self::In(file) => file.read_at(&mut buffer, offset)?,
            Self::Out(file) => file.0.read_at(&mut buffer, offset)?,
        };
        buffer.truncate(done);
        Ok(buffer)
    }
}

/// An output file that the guest holds open.
pub(crate) struct Opened(pub(crate) Arc<OutFile>);

impl Opened {
    pub(crate) fn new(file: Arc<OutFile>) -> Self {
        file.opened.fetch_add(1, Relaxed);
        Self(file)
    }
}

impl Clone for Opened {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.opened.fetch_sub(1, Relaxed);
    }
}

pub(crate) struct FileReader {
    pub(crate) file: Readable,
    pub(crate) offset: u64,
}

#[async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for FileReader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.file.read(size as u64, self.offset).map_err(trap)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(bytes.into())
    }

    fn skip(&mut self, count: usize) -> StreamResult<usize> {
        let left = self.file.len().saturating_sub(self.offset);
        let skipped = (count as u64).min(left);
        if skipped == 0 && count > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += skipped;
        Ok(usize::try_from(skipped).unwrap_or(count))
    }
}

pub(crate) struct FileWriter {
    pub(crate) file: Opened,
    /// None appends.
    pub(crate) offset: Option<u64>,
}

#[async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for FileWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.file.0.write(&bytes, self.offset).map_err(trap)?;
        if let Some(offset) = &mut self.offset {
            *offset += bytes.len() as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BUDGET)
    }
}

/// Stdout or stderr.
pub(crate) struct LogWriter {
    pub(crate) log: Arc<Log>,
    pub(crate) stderr: bool,
}

#[async_trait]
impl Pollable for LogWriter {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for LogWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.write(&bytes, self.stderr);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BUDGET)
    }
}

fn trap(fault: Fault) -> StreamError {
    StreamError::Trap(fault.into())
}
