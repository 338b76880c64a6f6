//! From a command at one node to its op applied and durable at all others, beside bare signed
//! gossipsub with the same bytes.

use super::Options;
use super::bare::Bare;
use super::history::{History, watcher};
use super::measure::{Measured, cpu_time, repeat};
use super::nodes::{Live, PATIENCE, home_with, runtime};
use super::report::{Goal, Report, Row};
use folkmoot_core::command::{Command, Delivery, Outcome};
use folkmoot_core::effect::Notice;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{MemberId, NamespaceId, OpId};
use folkmoot_effects::node::{Heard, Noticed, Notices};
use folkmoot_sim::kit::Author;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

/// Ops of a round, one after the other.
const ROUND_OPS: usize = 20;
/// How long meshes are given to form: some heartbeats.
const SETTLE: Duration = Duration::from_secs(4);

/// Nodes of which each has dialled all before it, and as many bare swarms.
struct Town {
    runtime: Runtime,
    namespace: NamespaceId,
    nodes: Vec<Live>,
    notices: Vec<Notices>,
    bare: Vec<Bare>,
    op_count: u64,
}

#[derive(Default)]
struct Figures {
    /// CPU time of everybody for each delivery.
    cpu: Measured,
    /// Wall time from one to all.
    wall: Measured,
}

impl Town {
    fn of(count: usize, settle: Duration) -> Self {
        let runtime = runtime();
        let history = History::of(1);
        let namespace = history.namespace();
        let (mut nodes, mut bare) = (Vec::<Live>::new(), Vec::<Bare>::new());
        runtime.block_on(async {
            for at in 0..count {
                let me = watcher(at);
                let home = home_with(namespace, me.id, &history.ops);
                let node = Live::start(home, &me, at as u64).await;
                let swarm = Bare::start(at as u64).await;
                for (other, there) in nodes.iter().zip(&bare) {
                    node.handle.dial(other.address.clone()).await;
                    swarm.dial(there).await;
                }
                nodes.push(node);
                bare.push(swarm);
            }
            for swarm in &mut bare {
                swarm.until_subscribed(count - 1).await;
            }
            for node in &nodes {
                node.until_met(namespace, count - 1).await;
            }
            sleep(settle).await;
        });
        let notices = nodes.iter().map(|node| node.handle.notices()).collect();
        Self { runtime, namespace, nodes, notices, bare, op_count: 0 }
    }

    /// One op from the first node to all; its bytes.
    async fn say(&mut self) -> Vec<u8> {
        self.op_count += 1;
        let Some((first, _)) = self.nodes.split_first() else { return Vec::new() };
        let op = govern(first, self.namespace, Author::new((1 << 40) + self.op_count).id).await;
        for notices in self.notices.iter_mut().skip(1) {
            timeout(PATIENCE, hear(notices, op)).await.expect("the op arrives");
        }
        let bodies = first.handle.bodies(vec![op]).await.expect("the disk serves");
        bodies.into_iter().flatten().next().expect("it is stored")
    }

    async fn say_bare(&mut self, bytes: &[u8]) {
        let Some((first, others)) = self.bare.split_first_mut() else { return };
        first.publish(bytes.to_vec()).await;
        for other in others {
            other.until_heard(bytes).await;
        }
    }

    fn round(&mut self, figures: &mut Figures) {
        let runtime = self.runtime.handle().clone();
        let deliveries = ROUND_OPS * (self.nodes.len() - 1);
        let mut said = Vec::new();
        let before = cpu_time();
        for _ in 0..ROUND_OPS {
            let started = Instant::now();
            said.push(runtime.block_on(self.say()));
            figures.wall.ours.add(started.elapsed(), 1);
        }
        figures.cpu.ours.add(cpu_time().saturating_sub(before), deliveries);
        let before = cpu_time();
        for bytes in &said {
            let started = Instant::now();
            runtime.block_on(self.say_bare(bytes));
            figures.wall.yardstick.add(started.elapsed(), 1);
        }
        figures.cpu.yardstick.add(cpu_time().saturating_sub(before), deliveries);
    }

    fn stop(self) {
        self.runtime.block_on(async {
            for node in self.nodes {
                node.stop().await;
            }
        });
    }
}

async fn govern(node: &Live, namespace: NamespaceId, member: MemberId) -> OpId {
    let wish = Command::Govern {
        namespace,
        group: namespace.root(),
        body: Body::MemberAdded { member, rights: Rights::READ },
        expected_root: None,
        delivery: Delivery { min_acks: 0, ..Delivery::default() },
    };
    let outcome = node.handle.command(wish).await.expect("the node runs");
    let Outcome::Accepted { op, .. } = outcome else { panic!("not accepted: {outcome:?}") };
    op
}

/// Waits until a node tells that it stored an op, with effect.
async fn hear(notices: &mut Notices, wanted: OpId) {
    loop {
        let heard = notices.next().await.expect("the node runs");
        let Heard::Noticed(Noticed { notice, .. }) = heard else { panic!("notices were missed") };
        if matches!(notice, Notice::OpAccepted { op, void: None, .. } if op == wanted) {
            return;
        }
    }
}

/// 8 and 32 nodes, and two.
pub(super) fn run(options: Options, report: &mut Report) {
    let settle = if options.tiny { Duration::ZERO } else { SETTLE };
    for size in options.sizes(&[2, 8, 32], &[3]) {
        let mut town = Town::of(size, settle);
        let figures: Figures = repeat(options, |figures| town.round(figures));
        town.stop();
        let (cpu, wall) = match size {
            2 => (Goal::None, Goal::RatioAtMost(1.3)),
            8 => (Goal::RatioAtMost(0.8), Goal::None),
            _ => (Goal::RatioAtMost(0.65), Goal::None),
        };
        report.row(&Row::new("gossip, CPU per delivery", size, &figures.cpu, cpu));
        report.row(&Row::new("  wall, to all", size, &figures.wall, wall));
    }
}
