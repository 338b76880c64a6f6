//! What a node costs when nothing happens: processor, memory and bytes.
//!
//! The node runs in a process of its own and has dialled its peers, which know nobody else. Bytes
//! are those that the loopback device of this machine counts, headers included, each once; so
//! nothing else may use it meanwhile.

use super::Options;
use super::disk;
use super::history::{History, watcher};
use super::measure::{Measured, cpu_time};
use super::memory::resident_bytes;
use super::nodes::{Live, home, runtime};
use super::report::{Goal, Report, Row};
use folkmoot_core::id::NamespaceId;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_sim::kit::Author;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;

/// Namespaces of the node.
const NAMESPACES: u8 = 20;
/// Its peers; each takes part in all of them.
const PEERS: usize = 10;
/// Nodes of the other row, in one namespace, each connected with every other.
const CROWD: usize = 20;
/// How long nothing happens: some of the longest times between two beacons.
const QUIET: Duration = Duration::from_mins(1);
/// How long the nodes are given before: until they are ready, their meshes formed, and what they
/// said at the beginning, all at the same time, said twice.
const SETTLE: Duration = Duration::from_secs(45);
/// Bytes of a second that a namespace may have said, at most.
const BYTES_MAX: f64 = 4_096.0;
/// Part of a processor, in percent.
const CPU_MAX: f64 = 1.0;
/// Resident bytes, in millions.
const RESIDENT_MAX: f64 = 80.0;

/// Bytes that went over loopback so far.
fn loopback_bytes() -> u64 {
    let devices = fs::read_to_string("/proc/net/dev").expect("the system counts bytes");
    let line = devices.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    let received = line.and_then(|line| line.split_whitespace().next());
    received.and_then(|bytes| bytes.parse().ok()).expect("it counts those of loopback")
}

/// How long to settle, and how long to measure.
fn times(is_tiny: bool) -> (Duration, Duration) {
    let tiny = Duration::from_millis(300);
    if is_tiny { (tiny, tiny) } else { (SETTLE, QUIET) }
}

/// The histories of some namespaces, whose members are the watchers.
fn histories(count: u8) -> Vec<History> {
    (0..count).map(|salt| History::salted(salt, 1)).collect()
}

/// Has a node of a member of all of them have them on its disk.
fn write_home(home: &Path, histories: &[History], me: &Author) {
    let all: Vec<(NamespaceId, &[Verified<Op>])> =
        histories.iter().map(|history| (history.namespace(), history.ops.as_slice())).collect();
    disk::write(home, me.id, &all);
}

fn home_in(histories: &[History], me: &Author) -> TempDir {
    let home = home();
    write_home(home.path(), histories, me);
    home
}

/// The part in a process of its own: a node on a folder that was written, which dials these
/// addresses. Prints percent of a processor, millions of resident bytes, and bytes per second.
pub(super) fn print_idle(is_tiny: bool, folder: &Path, addresses: &[String]) {
    let (settle, quiet) = times(is_tiny);
    let runtime = runtime();
    let home = TempDir::new_in(folder).expect("a folder can be had");
    let histories = histories(if is_tiny { 2 } else { NAMESPACES });
    let me = watcher(0);
    write_home(home.path(), &histories, &me);
    let namespaces: Vec<NamespaceId> = histories.iter().map(History::namespace).collect();
    drop(histories);
    runtime.block_on(async {
        let node = Live::start(home, &me, 0).await;
        for address in addresses {
            node.handle.dial(address.clone()).await;
        }
        for namespace in &namespaces {
            node.until_met(*namespace, addresses.len()).await;
        }
        sleep(settle).await;
        let (cpu, bytes) = (cpu_time(), loopback_bytes());
        sleep(quiet).await;
        let seconds = quiet.as_secs_f64();
        let cpu = cpu_time().saturating_sub(cpu).as_secs_f64() / seconds * 100.0;
        let bytes = (loopback_bytes() - bytes) as f64 / seconds;
        println!("{cpu} {} {bytes}", resident_bytes() as f64 / 1e6);
        node.stop().await;
    });
}

fn row(unit: &'static str, name: &str, size: usize, figure: f64, most: f64) -> Row {
    let mut measured = Measured::default();
    measured.ours.note(figure);
    measured.yardstick.note(most);
    Row::in_unit(unit, name, size, &measured, Goal::AtMost(most))
}

/// One node with its peers in another process.
fn one(options: Options, report: &mut Report) {
    let peer_count = if options.tiny { 2 } else { PEERS };
    let histories = histories(if options.tiny { 2 } else { NAMESPACES });
    let folder = home();
    let runtime = runtime();
    let peers = runtime.block_on(async {
        let mut peers = Vec::new();
        for at in 1..=peer_count {
            let me = watcher(at);
            peers.push(Live::start(home_in(&histories, &me), &me, at as u64).await);
        }
        peers
    });
    let addresses: Vec<&str> = peers.iter().map(|peer| peer.address.as_str()).collect();
    let this = env::current_exe().expect("this program knows where it is");
    let size = if options.tiny { "tiny" } else { "full" };
    let argument = format!("idle:{size}:{}:{}", folder.path().display(), addresses.join(","));
    let output = Command::new(this).args(["--child", &argument]).output();
    let output = output.expect("this program can be run again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [cpu, resident, bytes] = figures.as_slice() else { panic!("not three figures: {text}") };
    let count = histories.len();
    report.row(&row("%", "idle, processor", count, *cpu, CPU_MAX));
    report.row(&row("MB", "idle, resident", count, *resident, RESIDENT_MAX));
    let each = bytes / count as f64;
    report.row(&row("B/s", "idle, each namespace", count, each, BYTES_MAX));
    runtime.block_on(async {
        for peer in peers {
            peer.stop().await;
        }
    });
}

/// Many in one namespace, each of which knows all others.
fn crowd(options: Options, report: &mut Report) {
    let count = if options.tiny { 3 } else { CROWD };
    let (settle, quiet) = times(options.tiny);
    let histories = histories(1);
    let namespace = histories.first().map(History::namespace).expect("there is one");
    runtime().block_on(async {
        let mut nodes = Vec::<Live>::new();
        for at in 0..count {
            let me = watcher(at);
            let node = Live::start(home_in(&histories, &me), &me, at as u64).await;
            for other in &nodes {
                node.handle.dial(other.address.clone()).await;
            }
            nodes.push(node);
        }
        for node in &nodes {
            node.until_met(namespace, count - 1).await;
        }
        sleep(settle).await;
        let bytes = loopback_bytes();
        sleep(quiet).await;
        let sent = (loopback_bytes() - bytes) as f64 / quiet.as_secs_f64();
        report.row(&row("B/s", "idle, each of a crowd", count, sent / count as f64, BYTES_MAX));
        for node in nodes {
            node.stop().await;
        }
    });
}

/// 20 namespaces with 10 peers; 20 nodes in one.
pub(super) fn run(options: Options, report: &mut Report) {
    one(options, report);
    crowd(options, report);
}
