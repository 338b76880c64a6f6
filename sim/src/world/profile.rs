//! What a world is made to show.

use super::Prng;
use super::bodies::Act;

/// What a world has much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Some of everything.
    Mixed,
    /// Admins who remove each other behind partitions.
    MutualRemovals,
    /// Removals, re-additions, and removals of those who did them.
    RemovalStorm,
    /// Invitations with few uses, raced, revoked, and outlived by their inviters.
    InvitationRaces,
    /// Moves, creations and deletions that cross.
    CrossingMoves,
    /// Several owners, anchors with partial views, the notary's office handed over.
    OwnersAndNotary,
    /// Grants and restrictions of single bits, and the acts that need them.
    Masks,
    /// Wrong state hashes, missing authority, unmet preconditions.
    VoidAtCut,
    /// Inherited members shut out of subtrees.
    Denials,
    /// A tree near its limit.
    Depth,
    /// Removed members who go on signing.
    Dormant,
    /// A few slots that many write, while those who write them are removed and come back.
    Contests,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 12] = [
        Self::Mixed,
        Self::MutualRemovals,
        Self::RemovalStorm,
        Self::InvitationRaces,
        Self::CrossingMoves,
        Self::OwnersAndNotary,
        Self::Masks,
        Self::VoidAtCut,
        Self::Denials,
        Self::Depth,
        Self::Dormant,
        Self::Contests,
    ];

    /// The profile of this seed, where none is asked for.
    pub fn of(seed: u64) -> Self {
        Prng::new(seed ^ 0x70_72_6f_66).pick(&Self::ALL).copied().unwrap_or(Self::Mixed)
    }
}

/// The numbers behind a profile. Probabilities are in percent.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Nodes of the graph at which generation stops.
    pub(super) ops: usize,
    pub(super) owners: usize,
    /// People who are made admins of the root at the start.
    pub(super) admins: usize,
    /// People who are made members of the root at the start.
    pub(super) members: usize,
    /// Groups made at the start, each below any earlier one.
    pub(super) groups: usize,
    /// Groups made at the start, each below the last.
    pub(super) chain: usize,
    /// Grants on groups below the root at the start.
    pub(super) local: usize,
    /// Invitations written at the start.
    pub(super) invitations: usize,
    /// People who do as they please.
    pub(super) byzantine: usize,
    /// An honest author knows only part of the graph.
    pub(super) partial: usize,
    /// A partition begins or ends.
    pub(super) turn: usize,
    /// Someone who was restricted signs at a cut before that.
    pub(super) backdated: usize,
    pub(super) wrong_hash: usize,
    pub(super) wrong_nonce: usize,
    /// An op that is void at its cut stays in the world.
    pub(super) keep_void: usize,
    /// Of how many groups the deepest is acted on.
    pub(super) deep: usize,
    /// Rights are random bits and not roles.
    pub(super) masks: usize,
    /// What people do, and how often.
    pub(super) acts: Vec<(Act, usize)>,
}

/// How often each act is drawn where a profile says nothing.
const ACTS: [(Act, usize); 15] = [
    (Act::Add, 22),
    (Act::Restrict, 16),
    (Act::RestrictSelf, 2),
    (Act::Leave, 3),
    (Act::Create, 8),
    (Act::Move, 7),
    (Act::Delete, 2),
    (Act::Anchor, 4),
    (Act::Noop, 3),
    (Act::Invite, 4),
    (Act::Join, 8),
    (Act::Revoke, 2),
    (Act::Slot, 12),
    (Act::Context, 3),
    (Act::ContextSlot, 5),
];

impl Settings {
    pub(super) fn of(profile: Profile, rng: &mut Prng) -> Self {
        let mut settings = Self {
            ops: rng.between(18, 34),
            owners: if rng.chance(60) { 1 } else { rng.between(2, 3) },
            admins: rng.between(1, 3),
            members: rng.between(0, 2),
            groups: rng.between(0, 2),
            chain: 0,
            local: rng.between(0, 1),
            invitations: 1,
            byzantine: rng.between(0, 4),
            partial: 12,
            turn: 5,
            backdated: 15,
            wrong_hash: 2,
            wrong_nonce: 3,
            keep_void: 10,
            deep: 2,
            masks: 20,
            acts: ACTS.to_vec(),
        };
        settings.specialise(profile, rng);
        settings
    }

    fn specialise(&mut self, profile: Profile, rng: &mut Prng) {
        match profile {
            Profile::Mixed => {}
            Profile::MutualRemovals => {
                (self.admins, self.turn) = (rng.between(3, 5), 6);
                self.prefer(&[(Act::Restrict, 70), (Act::Add, 25)]);
            }
            Profile::RemovalStorm => {
                (self.admins, self.members, self.backdated) = (3, 2, 30);
                self.prefer(&[(Act::Restrict, 50), (Act::Add, 50), (Act::Leave, 8)]);
            }
            Profile::InvitationRaces => {
                (self.invitations, self.turn, self.members) = (1, 8, 3);
                self.prefer(&[(Act::Join, 60), (Act::Invite, 4), (Act::Revoke, 6)]);
            }
            Profile::CrossingMoves => {
                (self.groups, self.local, self.turn) = (rng.between(4, 6), 4, 6);
                self.prefer(&[(Act::Move, 60), (Act::Create, 15), (Act::Delete, 5)]);
            }
            Profile::OwnersAndNotary => {
                (self.owners, self.partial) = (rng.between(2, 3), 40);
                self.prefer(&[(Act::Anchor, 45), (Act::Restrict, 30)]);
            }
            Profile::Masks => {
                (self.masks, self.members, self.local) = (95, 3, 2);
                self.prefer(&[(Act::Slot, 25), (Act::Add, 30), (Act::Restrict, 25)]);
            }
            Profile::VoidAtCut => {
                (self.wrong_hash, self.keep_void, self.wrong_nonce) = (20, 50, 8);
            }
            Profile::Denials => {
                (self.groups, self.members, self.local) = (rng.between(3, 4), 3, 2);
                self.prefer(&[(Act::Restrict, 35), (Act::RestrictSelf, 12), (Act::Create, 15)]);
            }
            Profile::Depth => {
                (self.chain, self.admins, self.ops) = (rng.between(9, 14), 1, 36);
                (self.groups, self.deep) = (2, 4);
                self.prefer(&[(Act::Create, 40), (Act::Move, 50), (Act::Delete, 4)]);
            }
            Profile::Dormant => {
                (self.backdated, self.byzantine, self.members) = (55, 6, 2);
                self.prefer(&[
                    (Act::Restrict, 30),
                    (Act::RestrictSelf, 25),
                    (Act::Leave, 20),
                    (Act::Join, 15),
                ]);
            }
            Profile::Contests => {
                (self.admins, self.members, self.backdated) = (3, 1, 35);
                (self.partial, self.turn, self.ops) = (30, 6, rng.between(30, 44));
                self.prefer(&[(Act::Slot, 90), (Act::Restrict, 35), (Act::Add, 12)]);
            }
        }
    }

    fn prefer(&mut self, acts: &[(Act, usize)]) {
        for (act, weight) in &mut self.acts {
            if let Some((_, preferred)) = acts.iter().find(|(other, _)| other == act) {
                *weight = *preferred;
            }
        }
    }
}
