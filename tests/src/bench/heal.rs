//! Two nodes that wrote without each other meet, beside what the signatures and the bytes of what
//! each of them lacks cost alone.

use super::Options;
use super::history::{History, check_in_pages, claims, watcher, wire};
use super::measure::{Clock, Measured, repeat, time};
use super::nodes::home_with;
use super::pipeline::{EVENTS_MAX, Key, Pipeline};
use super::report::{Goal, Report, Row};
use folkmoot_core::id::PeerKey;
use folkmoot_core::key::Claim;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_effects::net::{ExchangeId, MessageId, NetCommand, NetEvent, NetGone};
use folkmoot_effects::ports::Net;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// Who signs.
const SIGNERS: usize = 16;
/// Bytes that may be said beside what the ops take.
const BYTES_BESIDE: f64 = 65_536.0;
const PEERS: [PeerKey; 2] = [PeerKey([1; 32]), PeerKey([2; 32])];

/// A line between two nodes that counts what it carries.
#[derive(Default)]
struct Line {
    ends: Mutex<Vec<Weak<SyncSender<NetEvent>>>>,
    /// Questions under way: who asked, and by which name.
    asked: Mutex<BTreeMap<ExchangeId, (usize, ExchangeId)>>,
    names: AtomicU64,
    bytes: AtomicU64,
}

/// One end of it.
struct End {
    at: usize,
    line: Arc<Line>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    fn carry(&self, to: usize, bytes: usize, event: NetEvent) -> Result<(), NetGone> {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let end = locked(&self.ends).get(to).and_then(Weak::upgrade);
        end.ok_or(NetGone)?.send(event).map_err(|_| NetGone)
    }

    fn name(&self) -> u64 {
        self.names.fetch_add(1, Ordering::Relaxed)
    }
}

impl Net for End {
    #[expect(clippy::wildcard_enum_match_arm, reason = "there is one topic and one peer")]
    fn send(&self, command: NetCommand) -> Result<(), NetGone> {
        let Self { at, line } = self;
        let (other, peer) = (1 - at, if *at == 0 { PEERS[0] } else { PEERS[1] });
        match command {
            NetCommand::Publish { topic, bytes } => {
                let message = MessageId(line.name());
                line.carry(
                    other,
                    bytes.len(),
                    NetEvent::Gossip { message, from: peer, topic, bytes },
                )
            }
            NetCommand::Request { exchange: asked, bytes, .. } => {
                let exchange = ExchangeId(line.name());
                locked(&line.asked).insert(exchange, (*at, asked));
                line.carry(other, bytes.len(), NetEvent::RequestReceived { exchange, peer, bytes })
            }
            NetCommand::Respond { exchange, bytes } => {
                let asked = locked(&line.asked).remove(&exchange);
                let Some((to, exchange)) = asked else { return Ok(()) };
                line.carry(to, bytes.len(), NetEvent::ResponseReceived { exchange, peer, bytes })
            }
            _ => Ok(()),
        }
    }
}

/// What the two know.
struct Heal {
    shared: usize,
    sides: [History; 2],
    claims: Vec<Claim>,
    lacking_bytes: usize,
    /// Everything, and the root that it comes to.
    op_count: usize,
    root: [u8; 32],
}

#[derive(Default)]
struct Figures {
    cpu: Measured,
    bytes: Measured,
}

impl Heal {
    fn of(shared: usize, apart: usize) -> Self {
        let mut first = History::of(SIGNERS);
        first.write(shared);
        let shared = first.ops.len();
        let mut second = first.branch();
        // The authors of one side are not those of the other: nobody writes twice at one place.
        first.keep_authors(|number| number % 2 == 0);
        second.keep_authors(|number| number % 2 == 1);
        first.write_without_anchors(apart);
        second.write_without_anchors(apart);
        let lacking: Vec<Verified<Op>> = [&first, &second]
            .into_iter()
            .flat_map(|side| side.ops.split_at(shared).1.iter().cloned())
            .collect();
        let mut both = first.branch();
        second.ops.split_at(shared).1.iter().for_each(|op| both.take(op.clone()));
        Self {
            shared,
            claims: claims(&lacking),
            lacking_bytes: wire(&lacking).iter().map(Vec::len).sum(),
            op_count: both.ops.len(),
            root: both.space().view().state_root(),
            sides: [first, second],
        }
    }

    /// The two meet: CPU time of both together until each has everything, and bytes said.
    fn meet(&self) -> (Duration, u64) {
        let line = Arc::new(Line::default());
        let namespace = self.sides[0].namespace();
        let mut nodes = Vec::new();
        for (at, history) in self.sides.iter().enumerate() {
            let me = watcher(at);
            let home = home_with(namespace, me.id, &history.ops);
            let (events, received) = sync_channel(EVENTS_MAX);
            let events = Arc::new(events);
            locked(&line.ends).push(Arc::downgrade(&events));
            let net = Arc::new(End { at, line: Arc::clone(&line) });
            let peer = if at == 0 { PEERS[0] } else { PEERS[1] };
            let node = Pipeline::start(home.path(), Key(me), peer, net, (events, received));
            nodes.push((node, home));
        }
        let before = line.bytes.load(Ordering::Relaxed);
        let cpu = time(Clock::Cpu, || {
            for ((node, _), other) in nodes.iter().zip(PEERS.into_iter().rev()) {
                node.meet(other, namespace);
            }
            thread::scope(|scope| {
                for (node, _) in &nodes {
                    scope.spawn(|| node.wait_for(namespace, self.op_count, self.root));
                }
            });
        });
        let bytes = line.bytes.load(Ordering::Relaxed) - before;
        for (node, _) in nodes {
            node.stop();
        }
        (cpu, bytes)
    }

    fn round(&self, figures: &mut Figures) {
        let (cpu, bytes) = self.meet();
        let count = self.claims.len();
        figures.cpu.ours.add(cpu, count);
        let floor = time(Clock::Cpu, || check_in_pages(&self.claims));
        figures.cpu.yardstick.add(floor, count);
        figures.bytes.ours.note(bytes as f64);
        figures.bytes.yardstick.note(self.lacking_bytes as f64);
    }
}

/// 50,000 ops shared, and 5,000 on each side; and a tenth of it.
pub(super) fn run(options: Options, report: &mut Report) {
    for size in options.sizes(&[1_000, 10_000], &[100]) {
        let heal = Heal::of(size * 5, size / 2);
        let figures: Figures = repeat(options, |figures| heal.round(figures));
        assert!(heal.op_count >= heal.shared + size);
        report.row(&Row::new("heal", size, &figures.cpu, Goal::RatioAtMost(2.2)));
        let most = 1.1 + BYTES_BESIDE / heal.lacking_bytes as f64;
        let goal = Goal::RatioAtMost(most);
        report.row(&Row::in_unit("B", "  bytes", size, &figures.bytes, goal));
    }
}
