//! Frames of the exchange protocol: length as a big-endian `u32`, body, end of stream.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::io::Cursor;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt};
use libp2p::StreamProtocol;
use libp2p::request_response;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::EXCHANGE_BYTES_MAX;

/// Requests that are being read at once, of all peers together.
const READING_MAX: usize = 512;

/// Reads and writes one frame per direction of a stream. There is a clone for each stream.
#[derive(Clone, Debug)]
pub(super) struct ExchangeCodec {
    /// Time for a frame that does not depend on the other end's work: all but the answer to us,
    /// which has as long as the whole exchange.
    frame_timeout: Duration,
    reading: Arc<Semaphore>,
}

impl ExchangeCodec {
    pub(super) fn new(frame_timeout: Duration) -> Self {
        Self { frame_timeout, reading: Arc::new(Semaphore::new(READING_MAX)) }
    }

    async fn in_time<T>(&self, frame: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no frame in time");
        timeout(self.frame_timeout, frame).await.map_err(late)?
    }
}

impl request_response::Codec for ExchangeCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let _place = self.reading.try_acquire().map_err(io::Error::other)?;
        self.in_time(read(stream)).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(stream).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
        request: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.in_time(write(stream, &request)).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
        response: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.in_time(write(stream, &response)).await
    }
}

/// Both directions are closed by their writer, so the frame must fill the stream exactly. The
/// body grows as it arrives: a length alone makes nobody allocate.
async fn read<T: AsyncRead + Unpin + Send>(stream: &mut T) -> io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await?;
    let length = u32::from_be_bytes(prefix);
    if usize::try_from(length).is_ok_and(|length| length > EXCHANGE_BYTES_MAX) {
        return Err(invalid(format!("frame of {length} bytes, allowed {EXCHANGE_BYTES_MAX}")));
    }
    let mut body = Vec::new();
    stream.take(u64::from(length) + 1).read_to_end(&mut body).await?;
    if u32::try_from(body.len()) != Ok(length) {
        return Err(invalid(format!("frame of {length} bytes holds another number of them")));
    }
    Ok(body)
}

async fn write<T: AsyncWrite + Unpin + Send>(stream: &mut T, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len())
        .ok()
        .filter(|_| body.len() <= EXCHANGE_BYTES_MAX)
        .ok_or_else(|| invalid(format!("{} bytes to send in one frame", body.len())))?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await
}

/// The body of the frame that fills a stream of these bytes.
pub(crate) fn read_frame(mut stream: &[u8]) -> io::Result<Vec<u8>> {
    read(&mut stream).now_or_never().unwrap_or_else(never)
}

/// The frame of a body.
pub(crate) fn write_frame(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = Cursor::new(Vec::new());
    write(&mut stream, body).now_or_never().unwrap_or_else(never)?;
    Ok(stream.into_inner())
}

fn never<T>() -> io::Result<T> {
    Err(io::Error::other("bytes in memory made somebody wait"))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(length: u32, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend_from_slice(body);
        read_frame(&bytes)
    }

    #[test]
    fn a_frame_survives_the_round_trip() {
        for body in [vec![], vec![7], vec![9; EXCHANGE_BYTES_MAX]] {
            assert_eq!(read_frame(&write_frame(&body).unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_by_its_length_alone() {
        let beyond = u32::try_from(EXCHANGE_BYTES_MAX).unwrap() + 1;
        for length in [beyond, u32::MAX] {
            assert_eq!(framed(length, b"").unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let body = vec![0; EXCHANGE_BYTES_MAX + 1];
        assert!(write_frame(&body).is_err());
    }

    #[test]
    fn a_frame_that_is_short_or_long_is_refused() {
        assert_eq!(framed(3, b"abc").unwrap(), b"abc");
        assert_eq!(framed(3, b"ab").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(framed(3, b"abcd").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
