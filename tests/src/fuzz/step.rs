//! The reducer, with inputs that bytes choose: ops of a world in any order and changed, messages,
//! answers, commands, time, restarts.

use super::script::Script;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::command::{Command, CommandId, Delivery};
use folkmoot_core::effect::Effect;
use folkmoot_core::event::Event;
use folkmoot_core::evolve::evolve;
use folkmoot_core::governance::op::{Body, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, NamespaceId, OpId, PeerKey};
use folkmoot_core::input::{ExchangeId, Input, MessageId, RequestId};
use folkmoot_core::key::Signers;
use folkmoot_core::receive;
use folkmoot_core::record;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_core::snapshot;
use folkmoot_core::state::{State, Volatile};
use folkmoot_core::statement::{Ack, AckOutcome, Beacon, HeadSummary, Tier};
use folkmoot_core::time::UnixMillis;
use folkmoot_core::wire::{Gossip, Heads, OpBytes, Ranges, Request, Response};
use folkmoot_sim::kit::{Author, PEOPLE_COUNT, person};
use folkmoot_sim::solo::Solo;
use folkmoot_sim::world::{Profile, World};
use std::sync::OnceLock;

/// Most actions of one run, so that a run ends soon.
const ACTIONS_MAX: usize = 256;
/// How long time may pass at once, in milliseconds.
const PAUSES_MS: [u64; 8] = [0, 1, 40, 250, 1_000, 5_000, 31_000, 301_000];

/// What all runs begin with.
struct Ground {
    namespace: NamespaceId,
    ops: Vec<Verified<Op>>,
    /// The one who runs the node.
    me: &'static Author,
}

fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        let world = World::generate(3, Profile::Mixed);
        let founder = world.ops.first().map(|genesis| genesis.payload.signer);
        let me = (0..PEOPLE_COUNT).map(person).find(|author| Some(author.id) == founder);
        let namespace = world.namespace();
        Ground { namespace, ops: world.ops, me: me.unwrap_or_else(|| person(0)) }
    })
}

/// A node under whatever the bytes say. The fold of its log is its durable state (I3), at every
/// restart and at the end; a record that it wrote can be read.
pub fn step(bytes: &[u8]) {
    let ground = ground();
    let opened = Event::NamespaceOpened { namespace: ground.namespace, me: ground.me.id };
    let node = Solo::start_after(&[opened], &[ground.me], None);
    let (script, signers) = (Script(bytes), Signers::default());
    let mut run = Run { ground, script, node, signers, asked: Vec::new(), number: 0 };
    for _ in 0..ACTIONS_MAX {
        if run.script.is_over() {
            break;
        }
        run.act();
    }
    run.settle();
    is_the_fold_of_its_log(&run.node);
}

fn is_the_fold_of_its_log(node: &Solo) {
    let mut folded = State::default();
    for bytes in &node.log {
        let event = record::decode(bytes).expect("what was written is read");
        evolve(&mut folded.durable, &event);
    }
    folded.durable.settle();
    let durable = State { durable: node.state.durable.clone(), volatile: Volatile::default() };
    assert_eq!(snapshot::save(&folded), snapshot::save(&durable), "I3");
}

struct Run<'a> {
    ground: &'static Ground,
    script: Script<'a>,
    node: Solo,
    signers: Signers,
    /// Questions of the node that have no answer yet.
    asked: Vec<(RequestId, PeerKey)>,
    number: u64,
}

impl Run<'_> {
    fn act(&mut self) {
        self.number += 1;
        match self.script.below(24) {
            0 => self.pass_time(),
            1 => self.connect(),
            2 => {
                let peer = self.peer();
                self.give(Input::PeerDisconnected { peer });
            }
            3..=7 => self.gossip_op(),
            8 => {
                let bytes = self.script.bytes().to_vec();
                self.gossip(&bytes);
            }
            9 => self.beacon(),
            10 => {
                let nonce = [self.script.byte(); 16];
                let probe = Gossip::Probe { namespace: self.ground.namespace, nonce };
                self.gossip(&probe.encode());
            }
            11 => {
                let bytes = self.script.bytes().to_vec();
                self.request(&bytes);
            }
            12..=14 => self.ask(),
            15..=17 => self.answer(),
            18 => self.govern(),
            19 => self.command(),
            20 => self.ack(),
            21 => self.import(),
            22 => {
                let peers = u64::from(self.script.byte());
                self.give(Input::MeshChanged { namespace: self.ground.namespace, peers });
            }
            _ => self.restart(),
        }
    }

    fn give(&mut self, input: Input) {
        let effects = self.node.give(input);
        self.note(&effects);
    }

    fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Ask { request, peer, .. } | Effect::Acknowledge { request, peer, .. } =
                effect
            {
                self.asked.push((*request, *peer));
            }
        }
    }

    fn peer(&mut self) -> PeerKey {
        PeerKey([2 + self.script.byte() % 4; 32])
    }

    fn member(&mut self) -> &'static Author {
        person(self.script.below(12))
    }

    fn op(&mut self) -> Option<&'static Verified<Op>> {
        self.script.pick(&self.ground.ops)
    }

    fn heads(&mut self) -> Vec<OpId> {
        let count = self.script.below(4);
        let mut heads: Vec<OpId> = (0..count).filter_map(|_| Some(self.op()?.id)).collect();
        heads.sort_unstable();
        heads.dedup();
        heads
    }

    fn pass_time(&mut self) {
        let ms = self.script.pick(&PAUSES_MS).copied().unwrap_or_default();
        let effects = self.node.advance(ms);
        self.note(&effects);
    }

    fn connect(&mut self) {
        let (peer, namespace) = (self.peer(), self.ground.namespace);
        let input = match self.script.below(3) {
            0 => Input::PeerConnected { peer },
            1 => Input::PeerSubscribed { peer, namespace },
            _ => Input::PeerUnsubscribed { peer, namespace },
        };
        self.give(input);
    }

    fn gossip(&mut self, bytes: &[u8]) {
        let (message, peer) = (MessageId(self.number), self.peer());
        let namespace = self.ground.namespace;
        let input = receive::gossip(&mut self.signers, message, peer, namespace, bytes);
        self.give(input);
    }

    /// An op of the world, sometimes with one byte changed.
    fn gossip_op(&mut self) {
        let Some(op) = self.op() else { return };
        let mut bytes = codec::encode(&op.signed);
        if self.script.byte() == 0xff {
            let at = usize::from(self.script.byte()) * 3 % bytes.len();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= self.script.byte();
            }
        }
        if let Some(op) = OpBytes::new(bytes) {
            self.gossip(&Gossip::Op(op).encode());
        }
    }

    fn beacon(&mut self) {
        let (member, heads) = (self.member(), self.heads());
        let sent_at = self.node.now().unix.0.saturating_add_signed(self.skew_ms());
        let beacon = Beacon {
            namespace: self.ground.namespace,
            member: member.id,
            boot: [self.script.byte() % 2; 16],
            sequence: u64::from(self.script.byte()),
            heads: HeadSummary::of(&heads),
            ops: u64::from(self.script.byte()),
            state_root: [self.script.byte(); 32],
            tier: if self.script.coin() { Tier::Locally } else { Tier::Validated },
            sent_at: UnixMillis(sent_at),
        };
        let beacon = Gossip::Beacon(Box::new(member.attest(beacon)));
        self.gossip(&beacon.encode());
    }

    fn skew_ms(&mut self) -> i64 {
        (i64::from(self.script.byte()) - 128) * 1_000
    }

    fn request(&mut self, bytes: &[u8]) {
        let (exchange, peer) = (ExchangeId(self.number), self.peer());
        if let Ok(input) = receive::request(exchange, peer, bytes) {
            self.give(input);
        }
    }

    fn ask(&mut self) {
        let namespace = self.ground.namespace;
        let request = match self.script.below(4) {
            0 => {
                let heads = Heads::truncated(self.heads());
                let common = (self.script.coin()).then(|| Heads::truncated(self.heads()));
                Request::Heads { namespace, heads, common }
            }
            1 => {
                let (want, have) = (self.heads(), self.heads());
                let (want, have) = (Heads::truncated(want), Heads::truncated(have));
                let from = u64::from(self.script.byte()) << (self.script.byte() % 64);
                Request::Fetch { namespace, want, have, from, count: u32::from(self.script.byte()) }
            }
            2 => Request::Identify { namespace, nonce: [self.script.byte(); 16] },
            _ => {
                let ranges = Ranges::truncated(self.script.bytes().to_vec());
                Request::Reconcile { namespace, ranges }
            }
        };
        self.request(&request.encode());
    }

    /// An answer to the newest or oldest question of the node, or to one that it never asked.
    fn answer(&mut self) {
        let newest = self.asked.pop();
        let (request, peer) = match (self.script.below(8), newest) {
            (0, _) | (_, None) => (RequestId(u64::from(self.script.byte())), self.peer()),
            (_, Some(newest)) => newest,
        };
        let response = match self.script.below(6) {
            0 => {
                self.give(Input::RequestFailed { request });
                return;
            }
            1 => Response::Heads {
                heads: Heads::truncated(self.heads()),
                state_root: [self.script.byte(); 32],
                knows_yours: self.script.coin(),
            },
            2 | 3 => {
                let from = self.script.below(self.ground.ops.len().max(1));
                let ops = self.ground.ops.iter().skip(from).take(self.script.below(16));
                let page = ops.filter_map(|op| OpBytes::new(codec::encode(&op.signed))).collect();
                Response::Ops {
                    ops: Bounded::truncated(page),
                    total: u64::from(self.script.byte()),
                }
            }
            4 => Response::Ranges(Ranges::truncated(self.script.bytes().to_vec())),
            _ => Response::Noted,
        };
        if let Ok(answer) = receive::answer(&response.encode(), self.ground.namespace) {
            self.give(Input::ResponseReceived { request, peer, answer });
        }
    }

    fn govern(&mut self) {
        let namespace = self.ground.namespace;
        let member = self.member().id;
        let rights = Rights::from_bits(u16::from(self.script.byte()) << 3).unwrap_or(Rights::READ);
        let body = match self.script.below(6) {
            0 => Body::MemberAdded { member, rights },
            1 => Body::MemberRestricted { member, keep: rights },
            2 => Body::GroupCreated { visibility: Visibility::Open },
            3 => Body::GroupMoved { new_parent: self.group() },
            4 => Body::GroupDeleted,
            _ => Body::Noop,
        };
        let group = if self.script.coin() { namespace.root() } else { self.group() };
        let delivery = Delivery { strict: false, min_acks: 1, within_ms: Some(1_000) };
        self.wish(Command::Govern { namespace, group, body, expected_root: None, delivery });
    }

    /// The group that an op of the world created, or one that never was.
    fn group(&mut self) -> GroupId {
        self.op().map(|op| op.id.into()).unwrap_or_default()
    }

    fn command(&mut self) {
        let namespace = self.ground.namespace;
        let wish = match self.script.below(8) {
            0..=3 => Command::Invite {
                namespace,
                group: namespace.root(),
                rights: Rights::MEMBER,
                uses_max: u32::from(self.script.byte()),
                expires_at: UnixMillis(u64::MAX),
                one_time_key: self.member().id,
            },
            4 => Command::CancelJoin { namespace },
            5 => Command::Close { namespace },
            _ => Command::Found { owners: Bounded::truncated(vec![self.ground.me.id]) },
        };
        self.wish(wish);
    }

    fn wish(&mut self, wish: Command) {
        let command = CommandId(self.number);
        self.give(Input::CommandIssued { command, wish });
    }

    fn ack(&mut self) {
        let member = self.member();
        let op = self.op().map(|op| op.id).unwrap_or_default();
        let outcome = match self.script.below(3) {
            0 => AckOutcome::Applied,
            1 => AckOutcome::AlreadyHad,
            _ => AckOutcome::Pending(u64::from(self.script.byte())),
        };
        let ack = Ack { namespace: self.ground.namespace, op, outcome, member: member.id };
        self.request(&Request::Ack(member.attest(ack)).encode());
    }

    fn import(&mut self) {
        let from = self.script.below(self.ground.ops.len().max(1));
        let ops = self.ground.ops.iter().skip(from).take(self.script.below(32));
        let input = Input::OpsImported {
            command: CommandId(self.number),
            namespace: self.ground.namespace,
            ops: ops.cloned().collect(),
        };
        self.give(input);
    }

    /// Lets the node finish what waits.
    fn settle(&mut self) {
        while !self.node.state.is_settled() || !self.node.state.volatile.busy.is_empty() {
            let effects = self.node.advance(0);
            self.note(&effects);
        }
    }

    /// The process dies and comes back with its log.
    fn restart(&mut self) {
        self.settle();
        is_the_fold_of_its_log(&self.node);
        let events = self.node.log.iter().map(|bytes| record::decode(bytes));
        let events: Vec<Event> = events.map(|event| event.expect("it is read")).collect();
        self.node = Solo::start_after(&events, &[self.ground.me], None);
        self.asked.clear();
    }
}
