//! From the pages of a peer to a durable log, beside what their signatures cost alone.

use super::Options;
use super::disk;
use super::history::{History, check_in_pages, claims, watcher, wire};
use super::measure::{Clock, Measured, repeat, time};
use super::pipeline::{EVENTS_MAX, Key, Pipeline};
use super::report::{Goal, Report, Row};
use super::strict::Strict;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::id::PeerKey;
use folkmoot_core::key::Claim;
use folkmoot_core::limits::PAGE_OPS_MAX;
use folkmoot_core::wire::{Heads, OpBytes, Refused, Request, Response};
use folkmoot_effects::net::{NetCommand, NetEvent, NetGone};
use folkmoot_effects::ports::Net;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The node, and the peer that has everything.
const NODE: PeerKey = PeerKey([8; 32]);
const PARTNER: PeerKey = PeerKey([9; 32]);

/// A peer that answers with messages that were made before.
struct Partner {
    answers: Arc<Answers>,
    events: Weak<SyncSender<NetEvent>>,
}

struct Answers {
    heads: Vec<u8>,
    pages: Vec<Vec<u8>>,
}

impl Answers {
    fn of(history: &History) -> Self {
        let (space, ops) = (history.space(), wire(&history.ops));
        let heads = Response::Heads {
            heads: Heads::truncated(space.heads()),
            state_root: space.view().state_root(),
            knows_yours: true,
        };
        let total = ops.len() as u64;
        let page = |ops: &[Vec<u8>]| {
            let ops = ops.iter().filter_map(|op| OpBytes::new(op.clone())).collect();
            Response::Ops { ops: Bounded::truncated(ops), total }.encode()
        };
        Self { heads: heads.encode(), pages: ops.chunks(PAGE_OPS_MAX).map(page).collect() }
    }

    fn to(&self, question: &[u8]) -> Vec<u8> {
        match Request::decode(question) {
            Ok(Request::Heads { .. }) => self.heads.clone(),
            Ok(Request::Fetch { from, .. }) => {
                let number = usize::try_from(from).unwrap_or(usize::MAX) / PAGE_OPS_MAX;
                self.pages.get(number).cloned().unwrap_or_default()
            }
            _ => Response::Refused(Refused::Stranger).encode(),
        }
    }
}

impl Net for Partner {
    fn send(&self, command: NetCommand) -> Result<(), NetGone> {
        let NetCommand::Request { exchange, bytes, .. } = command else { return Ok(()) };
        let bytes = self.answers.to(&bytes);
        let answer = NetEvent::ResponseReceived { exchange, peer: PARTNER, bytes };
        self.events.upgrade().ok_or(NetGone)?.send(answer).map_err(|_| NetGone)
    }
}

/// Which processors this thread and those that it starts may use.
struct Cores(CpuSet);

impl Cores {
    fn all() -> Self {
        Self(sched_getaffinity(None).expect("the system says which processors there are"))
    }

    /// Does some work on the first of them.
    fn on_one<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut one = CpuSet::new();
        let first = (0..CpuSet::MAX_CPU).find(|number| self.0.is_set(*number));
        one.set(first.unwrap_or(0));
        sched_setaffinity(None, &one).expect("a thread may stay on one processor");
        let done = work();
        sched_setaffinity(None, &self.0).expect("a thread may use all processors");
        done
    }
}

/// A history to be fetched, and what is to be checked of it.
struct Backfill {
    history: History,
    answers: Arc<Answers>,
    claims: Vec<Claim>,
    strict: Strict,
}

/// What was measured, in microseconds for each op.
#[derive(Default)]
struct Figures {
    /// CPU time, beside the batches alone.
    batch: Measured,
    /// CPU time, beside `verify_strict` alone.
    strict: Measured,
    /// Wall time on one processor, beside all.
    cores: Measured,
}

impl Backfill {
    fn of(signers: usize, ops: usize) -> Self {
        let mut history = History::of(signers);
        history.write(ops);
        let claims = claims(&history.ops);
        let strict = Strict::of(&history.ops);
        Self { answers: Arc::new(Answers::of(&history)), claims, strict, history }
    }

    /// A node that knows nothing but the namespace fetches everything: CPU and wall time.
    fn fetch(&self) -> (Duration, Duration) {
        let home = TempDir::new().expect("a folder can be had");
        let (namespace, key) = (self.history.namespace(), Key(watcher(0)));
        disk::begin(home.path(), namespace, key.0.id).stop().expect("the disk serves");
        let (events, received) = sync_channel(EVENTS_MAX);
        let events = Arc::new(events);
        let answers = Arc::clone(&self.answers);
        let net = Arc::new(Partner { answers, events: Arc::downgrade(&events) });
        let node = Pipeline::start(home.path(), key, NODE, net, (events, received));
        let root = self.history.space().view().state_root();
        let started = Instant::now();
        let cpu = time(Clock::Cpu, || {
            node.meet(PARTNER, namespace);
            node.wait(namespace, self.history.ops.len(), root);
        });
        let wall = started.elapsed();
        node.stop();
        let (store, _) = disk::fold(home.path());
        assert!(store.head().seq > self.history.ops.len() as u64, "every op is in the log");
        (cpu, wall)
    }

    fn round(&self, cores: &Cores, figures: &mut Figures) {
        let count = self.claims.len();
        let (cpu, wall) = self.fetch();
        figures.batch.ours.add(cpu, count);
        figures.strict.ours.add(cpu, count);
        figures.cores.yardstick.add(wall, count);
        let batches = time(Clock::Cpu, || check_in_pages(&self.claims));
        figures.batch.yardstick.add(batches, count);
        let strict = time(Clock::Cpu, || self.strict.check());
        figures.strict.yardstick.add(strict, self.strict.len());
        let (_, wall) = cores.on_one(|| self.fetch());
        figures.cores.ours.add(wall, count);
    }
}

/// 10,000 and 100,000 ops of 1, 16 and 1,000 signers.
pub(super) fn run(options: Options, report: &mut Report) {
    let cores = Cores::all();
    let signer_counts: &[usize] = if options.tiny { &[1, 16] } else { &[1, 16, 1_000] };
    for signers in signer_counts.iter().copied() {
        let name = format!("backfill, {signers} signers");
        // Keys are parsed once in a page: with few signers a page has few.
        let strict_ratio = if signers > 16 { 1.0 / 1.6 } else { 1.0 / 2.5 };
        let mut rows = Vec::new();
        for size in options.sizes(&[10_000, 100_000], &[1_000]) {
            let backfill = Backfill::of(signers, size);
            let figures: Figures = repeat(options, |figures| backfill.round(&cores, figures));
            let row = Row::new(&name, size, &figures.batch, Goal::RatioAtMost(1.8));
            report.row(&row);
            rows.push(row);
            let goal = Goal::RatioAtMost(strict_ratio);
            report.row(&Row::new("  beside verify_strict", size, &figures.strict, goal));
            let goal = Goal::RatioAtLeast(1.6);
            report.row(&Row::new("  wall, 1 core and all", size, &figures.cores, goal));
        }
        report.growth(&name, &rows, Goal::None);
    }
}
