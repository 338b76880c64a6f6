//! A digest of everything that happens, made of large pieces: hashing each by itself takes longer.

/// Bytes that are hashed at once.
const PIECE: usize = 64 * 1024;

/// What happened so far.
#[derive(Default)]
pub(super) struct Trace {
    hasher: blake3::Hasher,
    rest: Vec<u8>,
}

impl Trace {
    /// Something happened at a time, at a node; its name, and what it was about.
    pub(super) fn add(&mut self, now: u64, at: usize, name: &[u8], content: &[u8]) {
        self.rest.extend_from_slice(&now.to_le_bytes());
        self.rest.extend_from_slice(&(at as u64).to_le_bytes());
        self.rest.extend_from_slice(name);
        self.rest.extend_from_slice(&(content.len() as u64).to_le_bytes());
        self.rest.extend_from_slice(content);
        if self.rest.len() >= PIECE {
            self.hasher.update(&self.rest);
            self.rest.clear();
        }
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        *self.hasher.clone().update(&self.rest).finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_all_bytes_whatever_the_pieces() {
        let (mut trace, mut all) = (Trace::default(), blake3::Hasher::new());
        for number in 0..3_000_u64 {
            let content = [7; 60];
            trace.add(number, 1, b"publish", &content);
            all.update(&number.to_le_bytes()).update(&1_u64.to_le_bytes()).update(b"publish");
            all.update(&60_u64.to_le_bytes()).update(&content);
        }
        assert_eq!(trace.digest(), *all.finalize().as_bytes());
    }
}
