//! Orders to the world, in the imperative. All events of an output are durable before the first.

use crate::command::{CommandId, Outcome};
use crate::governance::invitation::{JoinRequest, Terms};
use crate::governance::verdict::VoidAtCut;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::input::{ExchangeId, MessageId, RequestId};
use crate::join::JoinError;
use crate::record::Stored;
use crate::signed::{Malformed, Unsigned};
use crate::statement::{Ack, Beacon, Hello};
use crate::sync::Verdict;
use crate::time::UnixMillis;
use crate::wire::{Gossip, Nonce, Request, Response};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Effect {
    /// Sign, and answer with `Input::SignatureReady`.
    Sign {
        /// Names the answer.
        request: RequestId,
        /// With whose key.
        signer: MemberId,
        /// What.
        draft: Draft,
    },
    /// Answer a command. Once for each.
    Reply {
        /// Which command.
        command: CommandId,
        /// How it ended.
        outcome: Outcome,
    },
    /// Take part in a topic.
    Subscribe(NamespaceId),
    /// Take part no longer.
    Unsubscribe(NamespaceId),
    /// Publish on a topic.
    Publish {
        /// Which.
        namespace: NamespaceId,
        /// What.
        gossip: Gossip,
    },
    /// Publish a stored op again, as a `Gossip::Again` (NET-34).
    PublishStored {
        /// On which topic.
        namespace: NamespaceId,
        /// Which.
        op: Stored,
        /// What makes it another message.
        nonce: Nonce,
    },
    /// Say whether a published message is forwarded.
    Validate {
        /// Which.
        message: MessageId,
        /// Whether.
        verdict: Forward,
    },
    /// Ask a peer; answered by `ResponseReceived` or `RequestFailed`.
    Ask {
        /// Names the answer.
        request: RequestId,
        /// Whom.
        peer: PeerKey,
        /// What.
        question: Request,
    },
    /// Answer a peer.
    Respond {
        /// Its request.
        exchange: ExchangeId,
        /// The answer.
        response: Response,
    },
    /// Answer a peer with stored ops, as many as fit a page.
    RespondWithOps {
        /// Its request.
        exchange: ExchangeId,
        /// Who asks.
        peer: PeerKey,
        /// Which, in order.
        ops: Vec<Stored>,
        /// How many ops the whole answer has.
        total: u64,
    },
    /// Answer a joiner with the stored op that admits it.
    RespondJoined {
        /// Its request.
        exchange: ExchangeId,
        /// The op.
        op: Stored,
    },
    /// Sign a beacon as the member in it, and publish it.
    Announce(Beacon),
    /// Sign a hello as the member in it, and answer a challenge with it.
    Introduce {
        /// The challenge.
        exchange: ExchangeId,
        /// What to prove.
        hello: Hello,
        /// The invitation to show, of one that is no member yet.
        pass: Option<Box<JoinRequest>>,
    },
    /// Sign an ack as the member in it, and send it; answered as an [`Effect::Ask`].
    Acknowledge {
        /// Names the answer.
        request: RequestId,
        /// Whom to tell.
        peer: PeerKey,
        /// What.
        ack: Ack,
    },
    /// Keep a connection with whoever is at this address.
    Dial(String),
    /// Keep it no longer; a connection that is open stays.
    StopDialing(String),
    /// A peer provably broke A1 to A4: note it against it (NET-2).
    Charge {
        /// Who.
        peer: PeerKey,
        /// What it sent.
        why: Malformed,
    },
    /// Tell whoever listens.
    Notify(Notice),
}

/// What is to be signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Draft {
    /// An op of a namespace (of none yet, for a genesis).
    Op(Box<Unsigned>),
    /// Terms of an invitation.
    Invitation(Terms),
}

/// What becomes of a published message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Forward {
    /// Forward it.
    Accept,
    /// Do not, and blame nobody.
    Ignore,
    /// Do not, and blame the forwarder: A1 to A4 only.
    Reject,
    /// Forward it within a second, to those who have not sent it by then: it says nothing new.
    AcceptLater,
}

/// Something that people may want to know.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Notice {
    /// An op was stored.
    OpAccepted {
        /// Where.
        namespace: NamespaceId,
        /// Which.
        op: OpId,
        /// Why it is void at its cut, if it is.
        void: Option<VoidAtCut>,
    },
    /// A stored op has no effect any more.
    OpVoided {
        /// Where.
        namespace: NamespaceId,
        /// Which.
        op: OpId,
    },
    /// A stored op has effect again.
    OpRevived {
        /// Where.
        namespace: NamespaceId,
        /// Which.
        op: OpId,
    },
    /// An anchor made everything below it final (K6).
    Anchored {
        /// Where.
        namespace: NamespaceId,
        /// The anchor.
        anchor: OpId,
    },
    /// One signer, one nonce, two ops: both are kept as evidence.
    Equivocation {
        /// Where.
        namespace: NamespaceId,
        /// Who.
        signer: MemberId,
        /// Which nonce.
        nonce: u64,
        /// The op that came first.
        first: OpId,
        /// The one that came now.
        second: OpId,
    },
    /// An author saw other rows than its cut gives: a bug or a lie (A9).
    StateHashMismatch {
        /// Where.
        namespace: NamespaceId,
        /// The op.
        op: OpId,
        /// What it says.
        got: [u8; 32],
        /// What the cut gives.
        expected: [u8; 32],
    },
    /// Ops of newer rules came: this node needs an upgrade.
    NeedsUpgrade {
        /// Where.
        namespace: NamespaceId,
        /// Version of the rules.
        rules: u16,
    },
    /// An op was refused; nothing was stored.
    OpRefused {
        /// Where.
        namespace: NamespaceId,
        /// Which.
        op: OpId,
        /// Why.
        why: crate::governance::verdict::Dropped,
    },
    /// This node became more or less ready (NET-13).
    Readiness {
        /// Where.
        namespace: NamespaceId,
        /// How ready it is now.
        state: crate::readiness::State,
    },
    /// A member has our heads and another root: a bug or a lie (NET-12).
    Diverged {
        /// Where.
        namespace: NamespaceId,
        /// Our root over all groups.
        ours: [u8; 32],
        /// The other one.
        theirs: [u8; 32],
    },
    /// An exchange with a peer has ended (NET-46).
    SyncEnded {
        /// Where.
        namespace: NamespaceId,
        /// With whom.
        peer: PeerKey,
        /// How.
        verdict: Verdict,
    },
    /// A join went on to its next phase.
    JoinPhase {
        /// Where.
        namespace: NamespaceId,
        /// The phase it is in now.
        phase: Phase,
        /// How long the phase before it took, in milliseconds.
        after_ms: u64,
    },
    /// A join receives history (NET-24).
    JoinProgress {
        /// Where.
        namespace: NamespaceId,
        /// Ops received.
        ops: u64,
        /// How many the partner has to send, by its own word.
        expected: u64,
    },
    /// An invitation that is being used is out of date by our clock, which may be wrong: the
    /// witness judges it (NET-20).
    JoinWarning {
        /// Where.
        namespace: NamespaceId,
        /// Until when it was to be used.
        expired_at: UnixMillis,
    },
    /// A join has failed; also where nobody waits for it, as after a restart (NET-26).
    JoinFailed {
        /// Where.
        namespace: NamespaceId,
        /// Why.
        error: JoinError,
    },
    /// No other member has confirmed what is here for two minutes: this node may be cut off from
    /// all of them, or nobody is there (attack 38).
    Isolated {
        /// Where.
        namespace: NamespaceId,
        /// For how long, in milliseconds.
        for_ms: u64,
        /// Connected peers that take part, whoever they are.
        peers: u64,
    },
    /// After that, one has again.
    Rejoined {
        /// Where.
        namespace: NamespaceId,
    },
}

/// Phases of a join (NET-20 to NET-29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Phase {
    /// Looking for members, or waiting to do so again.
    Probing = 0,
    /// Fetching the history from one.
    Pulling = 1,
    /// Asking one to admit us, and waiting for another to know of it.
    Asking = 2,
    /// Done.
    Confirmed = 3,
    /// Given up.
    Failed = 4,
    /// Checking the invitation; over at once.
    Validating = 5,
}
