//! What this crate reads from streams and files, as functions of bytes: to be tried with any bytes
//! at all. Each gives what it read, written again, so that whoever tries can compare.

use std::io::Cursor;

use crate::net::{read_frame, write_frame};
use crate::recorder::format;
use crate::store;

/// The body of a frame of the exchange protocol that fills a whole stream.
pub fn exchange_frame(stream: &[u8]) -> Option<Vec<u8>> {
    read_frame(stream).ok()
}

/// The frame of such a body; `None` for one that is too long.
pub fn exchange_bytes(body: &[u8]) -> Option<Vec<u8>> {
    write_frame(body).ok()
}

/// A mark of the log (the files `watermark` and `acked`), read and written again.
pub fn mark(bytes: &[u8]) -> Option<Vec<u8>> {
    store::reread_mark(bytes)
}

/// The mark of a record, to begin with.
pub fn example_mark() -> Vec<u8> {
    store::example_mark(store::Head { seq: 7, hash: [3; 32] })
}

/// The row of a first record, to begin with.
pub fn example_row(record: &[u8]) -> Vec<u8> {
    store::example_row(record)
}

/// A row of the log's table, read and written again.
pub fn log_row(row: &[u8]) -> Option<Vec<u8>> {
    store::reread_row(row)
}

/// The body of a file with a snapshot.
pub fn snapshot_body(file: &[u8]) -> Option<Vec<u8>> {
    store::read_snapshot(file).ok().map(|(_, body)| body)
}

/// How many whole steps a file of a recording has; `None` for one that is refused.
pub fn recorded_steps(file: &[u8]) -> Option<u64> {
    let opened = format::FileReader::begin(Cursor::new(file), file.len() as u64).ok()?;
    let format::Next::Whole((mut reader, _, _)) = opened else { return Some(0) };
    let mut count = 0;
    while let format::Next::Whole(_) = reader.next().ok()? {
        count += 1;
    }
    Some(count)
}

/// One step of a recording without the frame around it, read and written again.
pub fn recorded_step(body: &[u8]) -> Option<Vec<u8>> {
    format::Recorded::decode(body).map(|step| step.encode())
}

/// A file of a recording with these blocks, each in a frame that fits it.
pub fn recording(blocks: &[&[u8]]) -> Vec<u8> {
    let blocks = blocks.iter().flat_map(|body| format::block(body));
    format::FILE_MAGIC.iter().copied().chain(blocks).collect()
}
