//! A relay of TCP connections on 127.0.0.1 that is slow, stands still, or hangs up.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::POLL;

/// Pieces of one direction that are under way; then the sender has to wait.
const PIECES_MAX: usize = 1_024;
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// What a relay does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Passes it on, after this time.
    After(Duration),
    /// Keeps it, and passes it on when it may. Nobody is told.
    Hold,
}

/// A relay to one address. It ends with this value.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    way: Way,
    is_over: bool,
    streams: Vec<TcpStream>,
    carried: u64,
}

impl Relay {
    /// A relay to a port of this machine.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub fn new(to: u16, way: Way) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Shared { way, is_over: false, streams: Vec::new(), carried: 0 };
        let shared = Arc::new(Mutex::new(shared));
        let passed = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, SocketAddr::from(([127, 0, 0, 1], to)), &passed));
        Self { port, shared }
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Changes what it does, for connections that are open too.
    ///
    /// # Panics
    ///
    /// When one of its threads has panicked.
    pub fn set(&self, way: Way) {
        self.lock().way = way;
    }

    /// Hangs up on all; new connections are taken as before.
    ///
    /// # Panics
    ///
    /// When one of its threads has panicked.
    pub fn hang_up(&self) {
        let streams = std::mem::take(&mut self.lock().streams);
        for stream in streams {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Bytes that it has passed on.
    ///
    /// # Panics
    ///
    /// When one of its threads has panicked.
    pub fn carried(&self) -> u64 {
        self.lock().carried
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no thread has panicked")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.lock().is_over = true;
        self.hang_up();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn accept(listener: &TcpListener, to: SocketAddr, shared: &Arc<Mutex<Shared>>) {
    for near in listener.incoming() {
        let mut state = shared.lock().expect("no thread has panicked");
        if state.is_over {
            return;
        }
        // Who is not there cannot be relayed to: the connection ends at once.
        let (Ok(near), Ok(far)) = (near, TcpStream::connect(to)) else { continue };
        for (from, onto) in [(&near, &far), (&far, &near)] {
            let (Ok(from), Ok(onto)) = (from.try_clone(), onto.try_clone()) else { continue };
            let (sender, pieces) = sync_channel(PIECES_MAX);
            let shared = Arc::clone(shared);
            thread::spawn(move || take(from, &sender));
            thread::spawn(move || pass(onto, &pieces, &shared));
        }
        state.streams.extend([near, far]);
    }
}

/// Reads from one end, and notes when.
fn take(mut from: TcpStream, pieces: &SyncSender<(Instant, Vec<u8>)>) {
    let mut buffer = vec![0; PIECE_BYTES_MAX];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let piece = buffer.get(..count).unwrap_or_default().to_vec();
        if pieces.send((Instant::now(), piece)).is_err() {
            return;
        }
    }
}

/// Writes to the other end when it is time.
fn pass(mut onto: TcpStream, pieces: &Receiver<(Instant, Vec<u8>)>, shared: &Mutex<Shared>) {
    while let Ok((taken, piece)) = pieces.recv() {
        loop {
            let state = shared.lock().expect("no thread has panicked");
            let (way, is_over) = (state.way, state.is_over);
            drop(state);
            let left = match way {
                Way::After(delay) => delay.saturating_sub(taken.elapsed()),
                Way::Hold => POLL,
            };
            if left.is_zero() || is_over {
                break;
            }
            thread::sleep(left.min(POLL));
        }
        if onto.write_all(&piece).is_err() {
            break;
        }
        shared.lock().expect("no thread has panicked").carried += piece.len() as u64;
    }
    // One of the ends has hung up: both have to hear of it.
    let _ = onto.shutdown(Shutdown::Both);
}
