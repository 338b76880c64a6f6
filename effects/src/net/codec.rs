//! Frames of the exchange protocol: length as a big-endian `u32`, body, end of stream.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response;

use super::EXCHANGE_BYTES_MAX;

/// Reads and writes one frame per direction of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExchangeCodec;

impl request_response::Codec for ExchangeCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(stream).await
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
        write(stream, &request).await
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
        write(stream, &response).await
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

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;

    use super::*;

    fn framed(length: u32, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend_from_slice(body);
        block_on(read(&mut Cursor::new(bytes)))
    }

    #[test]
    fn a_frame_survives_the_round_trip() {
        for body in [vec![], vec![7], vec![9; EXCHANGE_BYTES_MAX]] {
            let mut stream = Cursor::new(Vec::new());
            block_on(write(&mut stream, &body)).unwrap();
            assert_eq!(block_on(read(&mut Cursor::new(stream.into_inner()))).unwrap(), body);
        }
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_by_its_length_alone() {
        let beyond = u32::try_from(EXCHANGE_BYTES_MAX).unwrap() + 1;
        for length in [beyond, u32::MAX] {
            assert_eq!(framed(length, b"").unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let body = vec![0; EXCHANGE_BYTES_MAX + 1];
        assert!(block_on(write(&mut Cursor::new(Vec::new()), &body)).is_err());
    }

    #[test]
    fn a_frame_that_is_short_or_long_is_refused() {
        assert_eq!(framed(3, b"abc").unwrap(), b"abc");
        assert_eq!(framed(3, b"ab").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(framed(3, b"abcd").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
