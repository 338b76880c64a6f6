//! From the dial to a confirmed member between two nodes on loopback, beside what libp2p needs to
//! dial and subscribe, and beside what the signatures cost that the joiner has to check.

use super::Options;
use super::bare::Bare;
use super::history::{History, check_in_pages, claims, watcher};
use super::measure::{Clock, Measured, repeat, time};
use super::nodes::{Live, home, home_with, runtime};
use super::report::{Goal, Report, Row};
use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::governance::invitation::JoinRequest;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::key::Claim;
use folkmoot_core::time::UnixMillis;
use folkmoot_sim::kit::Author;
use std::time::Instant;
use tokio::runtime::Runtime;

/// How long a join may take, in milliseconds.
const WITHIN_MS: u64 = 60_000;

/// Who is there, and what the joiner has to get.
struct Door {
    runtime: Runtime,
    namespace: NamespaceId,
    claims: Vec<Claim>,
    witness: Live,
    rounds: u64,
}

#[derive(Default)]
struct Figures {
    /// Beside a dial and a subscription.
    dial: Measured,
    /// Beside the signatures.
    verify: Measured,
}

impl Door {
    fn to(history: &History) -> Self {
        let runtime = runtime();
        let (namespace, me) = (history.namespace(), watcher(0));
        let home = home_with(namespace, me.id, &history.ops);
        let witness = runtime.block_on(Live::start(home, &me, 0));
        Self { runtime, namespace, claims: claims(&history.ops), witness, rounds: 0 }
    }

    /// An invitation, taken up.
    async fn invite(&self, joiner: &Author) -> JoinRequest {
        let secret = Author::new(4_000_000 + self.rounds);
        let invite = Command::Invite {
            namespace: self.namespace,
            group: self.namespace.root(),
            rights: Rights::READ,
            uses_max: 1,
            expires_at: UnixMillis(u64::MAX),
            one_time_key: secret.id,
        };
        let outcome = self.witness.handle.command(invite).await.expect("the witness runs");
        let Outcome::Invited(invitation) = outcome else { panic!("not invited: {outcome:?}") };
        joiner.accept(&invitation, &secret)
    }

    fn round(&mut self, figures: &mut Figures) {
        self.rounds += 1;
        let number = self.rounds;
        let joiner = Author::new(3_000_000 + number);
        let taken = self.runtime.block_on(async {
            let request = self.invite(&joiner).await;
            let node = Live::start(home(), &joiner, number).await;
            let addresses = vec![self.witness.address.clone()];
            let join = Command::Join { request, addresses, within_ms: WITHIN_MS };
            let started = Instant::now();
            let outcome = node.handle.command(join).await.expect("the node runs");
            let taken = started.elapsed();
            assert!(matches!(outcome, Outcome::Joined { .. }), "not joined: {outcome:?}");
            node.stop().await;
            taken
        });
        figures.dial.ours.add(taken, 1);
        figures.verify.ours.add(taken, 1);
        let bare = self.runtime.block_on(async {
            let (there, mut here) = (Bare::start(0).await, Bare::start(number).await);
            let started = Instant::now();
            here.dial(&there).await;
            here.until_subscribed(1).await;
            started.elapsed()
        });
        figures.dial.yardstick.add(bare, 1);
        let verify = time(Clock::Wall, || check_in_pages(&self.claims));
        figures.verify.yardstick.add(verify, 1);
    }
}

fn measure(options: Options, history: &History) -> Figures {
    let mut door = Door::to(history);
    let figures = repeat(options, |figures| door.round(figures));
    door.runtime.block_on(door.witness.stop());
    figures
}

/// 1,000 and 100,000 members; 10,000 ops of few.
pub(super) fn run(options: Options, report: &mut Report) {
    for size in options.sizes(&[1_000, 100_000], &[50]) {
        let mut history = History::of(1);
        for number in 0..size {
            history.add(Author::new(5_000_000 + number as u64).id, Rights::READ);
        }
        let figures = measure(options, &history);
        let goal = Goal::RatioAtMost(if size > 1_000 { 80.0 } else { 5.0 });
        report.row(&Row::new("join, members", size, &figures.dial, goal));
        report.row(&Row::new("  beside verifying", size, &figures.verify, Goal::None));
    }
    for size in options.sizes(&[10_000], &[200]) {
        let mut history = History::of(16);
        history.write(size);
        let figures = measure(options, &history);
        report.row(&Row::new("join, ops", size, &figures.verify, Goal::RatioAtMost(1.5)));
    }
}
