//! Scenarios: what happens in a simulated world, as data.
//!
//! A scenario is a seed, options, and a list of [`Action`]s. Every action is total: it is valid in
//! any state, and means nothing where it does not apply. So any part of a list is a scenario too,
//! which is what shrinking needs, and a person may edit the text form at will.
//!
//! The text form is one thing a line; see [`Scenario::parse`].

mod generate;
mod text;

pub use generate::{generate, generate_large};
pub use text::ParseError;

use crate::cluster::{Path, Tail, Wrong};

/// Most nodes of a scenario.
pub const NODES_MAX: u16 = 1_000;

/// A world, and what happens in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Seed of every choice that the world makes.
    pub seed: u64,
    /// What the world is like.
    pub options: Options,
    /// What happens, in order.
    pub actions: Vec<Action>,
}

/// What a world is like. Node `n` has the key of person `n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What it was generated to show; nothing depends on it.
    pub profile: Profile,
    /// How many nodes there are, from 1 to [`NODES_MAX`].
    pub nodes: u16,
    /// How many of the first persons own the namespace, at least 1.
    pub owners: u16,
    /// Events between two snapshots, at least 1.
    pub snapshot_every: u64,
    /// Effective ops after which the notary anchors by itself; 0 for never.
    pub anchor_ops: u64,
    /// Nodes have one part in so many of the room for what they may forget, from 1 to 64.
    pub memory: u8,
    /// How messages of topics travel between any two nodes.
    pub topic: Path,
    /// How questions and answers do.
    pub stream: Path,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: Profile::Mixed,
            nodes: 3,
            owners: 1,
            snapshot_every: 4_096,
            anchor_ops: 0,
            memory: 1,
            topic: Path::default(),
            stream: Path::default(),
        }
    }
}

/// What a scenario has much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Some of everything.
    Mixed,
    /// Nothing goes wrong.
    Nice,
    /// Joins, and little else.
    Joins,
    /// Removals and additions.
    Removals,
    /// Anchors.
    Anchors,
    /// Two nodes.
    Two,
    /// Sixteen nodes.
    Sixteen,
    /// Crashes and disks that fail.
    Disk,
    /// Many nodes.
    Scale,
    /// Some twenty nodes with as little memory as there may be.
    Crowd,
}

/// Something that happens. Nodes, persons and groups are numbers; one that is not there has
/// nothing happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant names its fields")]
pub enum Action {
    /// Nothing for so many milliseconds.
    Wait(u64),
    /// A node founds the namespace of this world, once.
    Found(u16),
    /// A node invites another, which joins.
    Join { from: u16, node: u16, role: Role },
    /// A node invites one person, and two nodes join with that invitation.
    Race { from: u16, a: u16, b: u16, role: Role },
    /// A node invites another for so many milliseconds, and that joins.
    Late { from: u16, node: u16, role: Role, ms: u64 },
    /// A node invites another, which joins with a bit of the inviter's signature changed.
    Spoilt { from: u16, node: u16, role: Role, bit: u16 },
    /// A node gives up its join.
    Cancel(u16),
    /// A node writes ops that say nothing, so many at once.
    Many { node: u16, count: u16 },
    /// A node writes an op on a group.
    Govern { node: u16, group: u16, deed: Deed },
    /// A node dies now.
    Kill { node: u16, tail: Tail },
    /// A node dies at the so-manieth touch of the world from now on.
    Crash { node: u16, touch: u64, tail: Tail },
    /// A node ends in order.
    Stop(u16),
    /// A node that is down starts.
    Boot(u16),
    /// A node is gone for good, with its disk.
    Lose(u16),
    /// Something is wrong with the disk of a node from now on.
    Disk { node: u16, wrong: Wrong },
    /// The disk of a node gets an earlier image, so many records shorter, and the node is started.
    SetBack { node: u16, records: u64 },
    /// The newest image of the disk of a node is found again.
    PutRight(u16),
    /// Two nodes lose their connection.
    Cut { a: u16, b: u16 },
    /// Two nodes are connected again.
    Heal { a: u16, b: u16 },
    /// A node loses all its connections.
    Isolate(u16),
    /// The nodes of an odd bit in a mask are parted from the others.
    Split(u64),
    /// The same, but one node stays connected with both sides.
    Bridge { node: u16, mask: u64 },
    /// What one node sends to another vanishes.
    Mute { from: u16, to: u16 },
    /// What one node sends to another is lost, doubled, and late.
    Impair { from: u16, to: u16, path: Path },
    /// A node no longer forwards what is published to another one, which goes on doing so.
    Prune { from: u16, to: u16 },
    /// For so many milliseconds a node does not hear what others subscribe to.
    Stale { node: u16, ms: u64 },
    /// All connections are as they were at the beginning.
    Mend,
    /// The wall clock of a node is set ahead of the time by so many milliseconds.
    Clock { node: u16, ahead_ms: i64 },
    /// The wall clock of a node stands still for so many milliseconds.
    Freeze { node: u16, ms: u64 },
    /// The monotonic clock of a node is fast by so many millionths.
    Drift { node: u16, ppm: i64 },
    /// A node sleeps for so many milliseconds.
    Pause { node: u16, ms: u64 },
    /// A node answers falsely from now on.
    Lie { node: u16, lie: Lie },
    /// A node means ill, once.
    Harm { node: u16, harm: Harm },
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything but what an owner may.
    Admin,
    /// To take part.
    Member,
    /// To look.
    Reader,
    /// To take part, and to invite.
    Inviter,
    /// To take part, to add people and to remove them; junior to every admin.
    Steward,
}

/// What is written on a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant names its fields")]
pub enum Deed {
    /// A person is given a role.
    Add { who: u16, role: Role },
    /// A person keeps no more than a role.
    Restrict { who: u16, role: Role },
    /// A person is removed.
    Remove { who: u16 },
    /// The author leaves.
    Leave,
    /// A group is made below it.
    Create,
    /// It is moved below another one.
    Move { to: u16 },
    /// It is deleted.
    Delete,
    /// An anchor.
    Anchor,
    /// An anchor that names a person as the notary from there on.
    Notary { who: u16 },
    /// The rights that members of the groups above have in it.
    Default { role: Role },
    /// A name.
    Name { value: u8 },
    /// A strict write of its visibility.
    Close { open: bool },
    /// A context.
    Context,
    /// The last invitation that the author signed is revoked.
    Revoke,
    /// Nothing.
    Noop,
}

/// How a node answers falsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Not at all.
    Silence,
    /// With bytes that are no message.
    Garbage,
    /// With one byte of the answer changed.
    Mutate,
    /// With a page that ends in its middle.
    Half,
    /// With heads that do not exist.
    Heads,
    /// With no ops, where it has some.
    Withhold,
    /// As busy.
    Busy,
}

/// How a node does harm once, with the key of its own member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant names its fields")]
pub enum Harm {
    /// It signs two ops with one nonce, and half of the others hear of each.
    Equivocate,
    /// It signs an op at a cut of long ago.
    Backdate,
    /// It signs an op with a wrong state hash.
    WrongHash,
    /// It publishes ops whose parents nobody has.
    Flood { count: u16 },
    /// It publishes again what it has stored.
    Replay,
    /// It publishes bytes that are no message.
    Malformed,
    /// It publishes a stored op with one bit flipped.
    Mutate { bit: u16 },
    /// It says in a beacon that it has heads which do not exist.
    Beacon,
    /// It acknowledges what it does not have.
    Ack,
    /// It asks everybody for their heads, so many times at once.
    Ask { count: u16 },
    /// It signs an op at its heads, whether it may or not.
    Force { group: u16, deed: Deed },
    /// It signs many ops with one nonce, all at its heads, and everybody hears of all.
    Fork { count: u16 },
    /// It signs an op with a nonce that is not its next one.
    Nonce { nonce: u64 },
    /// It signs an op that cites another one and what that cites.
    Related,
    /// It signs an op with a wrong nonce, and another one that cites it.
    Child,
    /// It publishes an op of rules that nobody knows yet.
    Newer,
    /// It publishes so many ops of rules that nobody knows yet.
    Newers { count: u16 },
    /// It publishes ops of so many strangers, whose parents nobody has.
    Strangers { count: u16 },
    /// It publishes ops of so many strangers, at its heads.
    Intruders { count: u16 },
    /// It publishes an op of another namespace.
    Foreign,
    /// It signs two anchors with one nonce, one of which leaves out what it knows, and half of the
    /// others hear of each.
    Anchors,
    /// It signs an anchor that leaves out what it knows.
    Omit,
    /// It signs an anchor that names rules which nobody knows yet.
    Early,
    /// It signs ops that build upon each other, until one fails for a reason.
    Forge { forgery: Forgery },
}

/// What the last of several forged ops fails for, at its cut or beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// A join whose joiner did not sign.
    Unsigned,
    /// A join by an invitation of somebody who may not invite.
    Inviter,
    /// A join by an invitation that knows of an op which is not there.
    Frontier,
    /// A second join by an invitation for one.
    UsedUp,
    /// A join by an invitation that was revoked.
    Revoked,
    /// A join of somebody who was removed.
    Removed,
    /// A join of somebody who left, by an invitation that is older than that.
    Left,
    /// The removal of an owner.
    Senior,
    /// The removal of somebody who has nothing.
    Nothing,
    /// A move below a group that is not there.
    NoGroup,
    /// A group too far below the root.
    Deep,
    /// A move of a group below itself.
    Circle,
    /// A move of the root.
    Root,
    /// A grant of what is there already.
    Again,
    /// The end of a context that is not there.
    NoContext,
    /// A policy of a group below the root.
    NotRoot,
    /// An anchor that names somebody who is no owner.
    NotOwner,
    /// Something in a group that was moved away meanwhile.
    Moved,
}

impl Action {
    /// The node that means ill in it, where one does.
    pub fn villain(&self) -> Option<u16> {
        if let Self::Lie { node, .. } | Self::Harm { node, .. } = self { Some(*node) } else { None }
    }
}
