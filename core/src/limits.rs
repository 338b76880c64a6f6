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
pub const RECONCILE_BYTES_MAX: usize = 64 * 1024;
/// Deadline of a request to a peer, in milliseconds.
pub const REQUEST_MS_MAX: u64 = 10_000;
/// How often heads are compared with one connected peer, in milliseconds.
pub const COMPARE_EVERY_MS: u64 = 30_000;
/// Absolute deadline of a join, unless the command names another, in milliseconds (NET-22).
pub const JOIN_MS: u64 = 30_000;
/// Most commands that wait for the author's chain, per namespace.
pub const COMMANDS_WAITING_MAX: usize = 1024;
/// Most namespaces that one node takes part in.
pub const NAMESPACES_MAX: usize = 1024;
/// How long a partner may let us wait for a page, in milliseconds (NET-43).
pub const PAGE_MS: u64 = 5_000;
/// Most pages of one list that are under way, or here before their turn (NET-43).
pub const PAGES_AHEAD_MAX: usize = 4;
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
/// A list that nobody asks for is dropped after this time, in milliseconds.
pub const LIST_IDLE_MS: u64 = 30_000;
/// A list whose end was served is dropped after this time, in milliseconds.
pub const LIST_DONE_MS: u64 = 5_000;
/// Most questions for heads that wait for the evaluation of what is stored, per namespace.
pub const QUESTIONS_MAX: usize = 64;
/// Most questions of one reconciliation (NET-42).
pub const ROUNDS_MAX: u32 = 32;
/// Most fetches of one exchange; what is missing then is left to the next.
pub const CYCLES_MAX: u32 = 8;
/// Ops entered in the order of reconciliation at a time.
pub const ORDER_SLICE: u32 = 4096;
