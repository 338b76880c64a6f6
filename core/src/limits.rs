//! Every limit in one place.
//!
//! The first half enters verdicts and is frozen with rule set SR-1 (`docs/protocol.md`): two nodes
//! that differ in one of these numbers do not agree. The second half is local: it may defer work,
//! never decide it.

/// Version of the rules that this crate implements.
pub const RULES_VERSION: u16 = 1;

/// Largest encoded signed op in bytes, judged before anything is decoded (A1).
pub const OP_BYTES_MAX: usize = 64 * 1024;
/// Most parents of one op (A4).
pub const PARENTS_MAX: usize = 64;
/// Most owners of a namespace.
pub const OWNERS_MAX: usize = 8;
/// Most groups on a path of the tree, the root included (K5).
pub const DEPTH_MAX: usize = 16;
/// Longest metadata or policy key in bytes.
pub const KEY_BYTES_MAX: usize = 64;
/// Longest metadata or policy value in bytes.
pub const VALUE_BYTES_MAX: usize = 4096;
/// Longest migration description in bytes.
pub const MIGRATION_BYTES_MAX: usize = 32 * 1024;
/// Most uses of one invitation.
pub const INVITATION_USES_MAX: u32 = 10_000;

/// Most ops that wait for parents, per namespace.
pub const PENDING_COUNT_MAX: usize = 10_000;
/// Most ops of one signer that wait for parents, per namespace.
pub const PENDING_PER_SIGNER_MAX: usize = 256;
/// Most bytes of ops that wait for parents, per namespace.
pub const PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A pending op this old is dropped, to be fetched again, in milliseconds.
pub const PENDING_AGE_MS_MAX: u64 = 5 * 60 * 1000;
/// Most remembered ids of refused ops, per namespace.
pub const REFUSED_COUNT_MAX: usize = 4096;
/// Most parked ops (of newer rules), per namespace.
pub const PARKED_COUNT_MAX: usize = 256;
/// Most dormant ops of one signer that a node stores.
pub const DORMANT_PER_SIGNER_MAX: u32 = 1024;
/// Units of work (ops moved between cuts, verdicts evaluated) in one step.
pub const STEP_WORK_MAX: u32 = 1024;
/// Most ops taken from the ready queue in one step.
pub const STEP_OPS_MAX: usize = 256;
/// Ops in one page of an answer.
pub const PAGE_OPS_MAX: usize = 512;
/// Bytes of ops in one page of an answer.
pub const PAGE_BYTES_MAX: usize = 900 * 1024;
/// Effective ops after the last anchor that make the notary's node anchor by itself.
pub const ANCHOR_OPS: u64 = 64;
/// Time after the last anchor that makes the notary's node anchor by itself, in milliseconds.
pub const ANCHOR_AGE_MS: u64 = 10 * 60 * 1000;
/// Most heads in one message; a graph wider than this is brought together by the next authors.
pub const HEADS_MAX: usize = 8192;
/// Most heads in a beacon; more are summarised.
pub const BEACON_HEADS_MAX: usize = 64;
/// Longest message of the set reconciliation in bytes.
pub const RECONCILE_BYTES_MAX: usize = 256 * 1024;
/// Most ranges of the set reconciliation that are looked at for one message, read and written; what
/// lies behind them is put off to the next.
pub const RECONCILE_RANGES_MAX: usize = 4096;
/// Deadline of a request to a peer, in milliseconds.
pub const REQUEST_MS_MAX: u64 = 10_000;
/// How often heads are compared with one connected peer, in milliseconds.
pub const COMPARE_EVERY_MS: u64 = 30_000;
/// Absolute deadline of a join, unless the command names another, in milliseconds (NET-22).
pub const JOIN_MS: u64 = 30_000;
/// How long an author waits for acks of an op that writes a slot, in milliseconds (NET-32).
pub const DELIVER_CHEAP_MS: u64 = 2000;
/// How long it waits after one that changes members or groups, in milliseconds.
pub const DELIVER_STRUCTURE_MS: u64 = 5000;
/// How long it waits after one that may take the effect of others, in milliseconds.
pub const DELIVER_CASCADE_MS: u64 = 10_000;
/// Longest time that a command may have its author wait for acks, in milliseconds.
pub const DELIVERY_MS_MAX: u64 = 60_000;
/// Most commands that wait for acks, per namespace.
pub const DELIVERIES_MAX: usize = 1024;
/// Most acks that a command may wait for.
pub const DELIVERY_ACKS_MAX: u32 = 1024;
/// Peers in the mesh of a topic from which on messages are taken to spread (NET-30).
pub const MESH_LOW: u64 = 4;
/// Shortest time until undelivered ops are published again, in milliseconds (NET-34).
pub const OUTBOX_MS_MIN: u64 = 1000;
/// Longest time until they are, in milliseconds.
pub const OUTBOX_MS_MAX: u64 = 60_000;
/// Beacons that lack undelivered ops have them published again this often, in milliseconds.
pub const LACKING_MS: u64 = 5000;
/// Most ops that are published again at once.
pub const OUTBOX_OPS_MAX: u64 = 64;
/// Most undelivered ops whose time of writing is remembered, per namespace.
pub const OUTBOX_TIMES_MAX: usize = 1024;
/// Longest attempt of a join that gets nowhere, in milliseconds (NET-27).
pub const JOIN_ATTEMPT_MS_MAX: u64 = 10_000;
/// How long a joiner waits for the answer of a witness, in milliseconds (NET-22).
pub const ADMIT_MS_MAX: u64 = 5_000;
/// How often a joiner asks a topic for members, before jitter, in milliseconds (NET-23).
pub const PROBE_EVERY_MS: u64 = 1_000;
/// Shortest time between two notices of a join's progress, in milliseconds (NET-24).
pub const PROGRESS_EVERY_MS: u64 = 250;
/// Most partners of a join whose failure is remembered (NET-26).
pub const TRIED_MAX: usize = 64;
/// Most peers of the topic and members that a join counts.
pub const JOIN_PEERS_MAX: usize = 1024;
/// Most joiners that wait for this node to witness, per namespace.
pub const JOINERS_MAX: usize = 256;
/// Most questions of one joiner that wait for one answer.
pub const QUESTIONS_PER_JOINER_MAX: usize = 8;
/// Most commands that wait for the author's chain, per namespace.
pub const COMMANDS_WAITING_MAX: usize = 1024;
/// Most namespaces that one node takes part in.
pub const NAMESPACES_MAX: usize = 1024;
/// Shortest time between two beacons of a member in one namespace, in milliseconds.
pub const BEACON_MS: u64 = 5000;
/// Time between two beacons for each member heard, in milliseconds, where that is longer.
pub const BEACON_SHARE_MS: u64 = 250;
/// Beacons that say the same, after which there is no news.
pub const NEWS_COUNT: u8 = 2;
/// How many times longer the time between two beacons is while there is no news.
pub const QUIET_FACTOR: u64 = 4;
/// The time between two beacons varies at random, by its so-manieth part either way.
pub const BEACON_JITTER_PART: u64 = 5;
/// How long a beacon is fresh, in milliseconds, unless the three longest times between two are
/// longer (NET-11).
pub const FRESH_MS: u64 = 60_000;
/// How far the time in a beacon may be from our clock, either way, in milliseconds (NET-10).
pub const CLOCK_SKEW_MS_MAX: u64 = 60_000;
/// A member is heard once in so many milliseconds on average…
pub const BEACONS_EVERY_MS: u64 = 1000;
/// … and so many times at once.
pub const BEACONS_BURST: u64 = 8;
/// Most members of one namespace whose last beacon is kept.
pub const HEARD_COUNT_MAX: usize = 1024;
/// How long a node that starts listens for others, in milliseconds (NET-13).
pub const GRACE_MS: u64 = 10_000;
/// How long there must be reason to leave a ready tier, in milliseconds (NET-13).
pub const HYSTERESIS_MS: u64 = 2000;
/// An op that has waited for parents so many milliseconds tells that something is missing.
pub const OVERDUE_MS: u64 = 5000;
/// Most overdue ops that are looked at.
pub const OVERDUE_COUNT_MAX: usize = 1024;
/// How long a pull may bring nothing, and how long after one that came to nothing the word of the
/// same member causes no other, in milliseconds.
pub const PULL_MS_MAX: u64 = 30_000;
/// Longest time before a probe is answered, in milliseconds (NET-14).
pub const PROBE_DELAY_MS_MAX: u64 = 250;
/// Least time between two answers to probes, in milliseconds (NET-14).
pub const PROBE_ANSWERS_EVERY_MS: u64 = 2500;
/// Least time between two probes that are forwarded, in milliseconds.
pub const PROBES_EVERY_MS: u64 = 250;
/// So many members heard since a probe have answered it (NET-14).
pub const PROBE_QUIET_COUNT: usize = 3;
/// How long after a failed challenge a peer is challenged again, in milliseconds; doubles…
pub const CHALLENGE_MS: u64 = 1000;
/// … up to this.
pub const CHALLENGE_MS_MAX: u64 = 64_000;
/// How long a partner may let us wait for a page, in milliseconds (NET-43).
pub const PAGE_MS: u64 = 5_000;
/// Time in which whose list is read has to bring one whole page that is new, while others wait, in
/// milliseconds (NET-43).
pub const BACKFILL_TURN_MS: u64 = 5_000;
/// Most pages of one list that are under way, or here before their turn (NET-43).
pub const PAGES_AHEAD_MAX: usize = 8;
/// Most ops that are under way in pages or wait to be judged; one that is judged makes room for the
/// next to be asked for (NET-43).
pub const AHEAD_OPS_MAX: usize = 2 * PAGES_AHEAD_MAX * PAGE_OPS_MAX;
/// How long no other member may have confirmed what is here until people are told, in milliseconds.
pub const ISOLATED_MS: u64 = 120_000;
/// How often one peer is pulled from at most, in milliseconds (NET-12).
pub const PULL_EVERY_MS: u64 = 1_000;
/// How long a peer that lied is left alone, in milliseconds.
pub const SHUN_MS: u64 = 30_000;
/// Most peers of one namespace that something is remembered of.
pub const PEER_NOTES_MAX: usize = 1024;
/// Most lists that are served to one peer (NET-45).
pub const LISTS_PER_PEER_MAX: usize = 2;
/// Most lists that are served in all (NET-45).
pub const LISTS_MAX: usize = 16;
/// A list keeps its place for so long after it was read, in milliseconds, but for one whose reader
/// is no member where a member needs it.
pub const LIST_KEPT_MS: u64 = 1_000;
/// A list that nobody asks for is dropped after this time, in milliseconds.
pub const LIST_IDLE_MS: u64 = 30_000;
/// A list whose end was served is dropped after this time, in milliseconds.
pub const LIST_DONE_MS: u64 = 5_000;
/// Most questions for heads that wait for the evaluation of what is stored, per namespace.
pub const QUESTIONS_MAX: usize = 64;
/// Most questions of one reconciliation (NET-42).
pub const ROUNDS_MAX: u32 = 32;
/// Most ids that one reconciliation finds on each side; what lies behind is taken as unknown.
pub const DIFFERENCES_MAX: usize = 65_536;
/// Most fetches of one exchange; what is missing then is left to the next.
pub const CYCLES_MAX: u32 = 8;
/// Ops entered in the order of reconciliation at a time.
pub const ORDER_SLICE: u32 = 4096;
