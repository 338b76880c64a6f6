//! How a world grows: who acts, on what knowledge, and what becomes of it.

use super::bodies::{Act, Plan};
use super::profile::Settings;
use super::{Prng, Profile, World};
use crate::kit::{Author, add, copied, create, person, unchecked, unsigned, verified_page};
use crate::oracle::Oracle;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::governance::invitation::{Invitation, Terms};
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{
    Admission, Dropped, Precondition, Unauthorised, VoidAtCut,
};
use folkmoot_core::id::{GroupId, MemberId, OpId};
use folkmoot_core::signed::{Op, Verified};
use folkmoot_core::time::UnixMillis;
use std::collections::BTreeSet;

/// People who may act.
const CAST_COUNT: usize = 14;
/// The first person who serves as a one-time secret.
const SECRETS_AT: usize = 32;
/// Refused ops that a world keeps.
const REFUSED_MAX: usize = 8;

/// A world in the making.
pub(super) struct Builder {
    pub(super) rng: Prng,
    pub(super) settings: Settings,
    pub(super) oracle: Oracle,
    pub(super) ops: Vec<Verified<Op>>,
    refused: Vec<(Verified<Op>, Admission)>,
    owners: Vec<&'static Author>,
    byzantine: BTreeSet<MemberId>,
    invitations: Vec<(Invitation, &'static Author)>,
    /// What each side of a partition knows; one side where there is none.
    sides: Vec<BTreeSet<OpId>>,
    /// How often partitions began or ended.
    turns: usize,
}

impl Builder {
    pub(super) fn new(seed: u64, profile: Profile) -> Self {
        let mut rng = Prng::new(seed);
        let settings = Settings::of(profile, &mut rng);
        let owners: Vec<&Author> = (0..settings.owners).map(person).collect();
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
        let genesis = person(0).found(&owners, salt);
        let byzantine = (0..settings.byzantine).map(|_| person(rng.between(1, 7)).id).collect();
        let mut oracle = Oracle::new(genesis.id.into());
        oracle.add(copied(&genesis));
        Self {
            rng,
            settings,
            oracle,
            ops: vec![genesis],
            refused: Vec::new(),
            owners,
            byzantine,
            invitations: Vec::new(),
            sides: Vec::new(),
            turns: 0,
        }
    }

    /// The world as it is; its ops have gone through the front door.
    pub(super) fn into_world(self, seed: u64, profile: Profile) -> World {
        let ops = verified_page(self.oracle.namespace(), &self.ops);
        World { seed, profile, ops, refused: self.refused, oracle: self.oracle }
    }

    pub(super) fn root(&self) -> GroupId {
        self.oracle.root()
    }

    /// The prelude, then random acts until the world is large enough or nothing goes.
    pub(super) fn run(mut self) -> Self {
        self.prelude();
        if self.rng.chance(75) {
            self.turn();
        }
        let tries = self.settings.ops * 5;
        for _ in 0..tries {
            if self.ops.len() >= self.settings.ops {
                break;
            }
            self.step();
        }
        self.refuse_a_child_of_the_refused();
        // A parent that was missing then may be here now, or is known to be refused.
        for (op, admission) in &mut self.refused {
            *admission = self.oracle.add(copied(op));
        }
        self
    }

    /// Members, groups and invitations to begin with.
    fn prelude(&mut self) {
        let (admins, members) = (self.settings.admins, self.settings.members);
        let first = self.settings.owners;
        for at in first..first + admins {
            self.say(person(0), self.root(), add(person(at), Rights::ADMIN));
        }
        for at in first + admins..first + admins + members {
            let rights = if self.rng.chance(50) { self.rights() } else { Rights::MEMBER };
            self.say(person(0), self.root(), add(person(at), rights));
        }
        let mut below = self.root();
        for _ in 0..self.settings.chain {
            let made = self.say(self.lead(), below, create());
            below = made.map_or(below, GroupId::from);
        }
        for _ in 0..self.settings.groups {
            let parent = self.deep_group(&self.oracle.now());
            self.say(self.lead(), parent, create());
        }
        for _ in 0..self.settings.local {
            let group = self.deep_group(&self.oracle.now());
            let body = add(self.anyone(), self.rights());
            self.say(person(0), group, body);
        }
        for _ in 0..self.settings.invitations {
            self.invite();
        }
    }

    /// The founder, or the first admin.
    fn lead(&self) -> &'static Author {
        person(if self.ops.len().is_multiple_of(2) { 0 } else { self.settings.owners })
    }

    /// An op at all heads.
    fn say(&mut self, author: &'static Author, group: GroupId, body: Body) -> Option<OpId> {
        let heads = self.oracle.now().heads.clone();
        let payload = author.draft(&self.oracle, &heads, group, body);
        self.submit(author, payload, true)
    }

    fn step(&mut self) {
        if self.rng.chance(self.settings.turn) {
            self.turn();
        }
        let acts = self.settings.acts.clone();
        let Some(act) = self.rng.weighted(&acts) else { return };
        if act == Act::Invite {
            return self.invite();
        }
        let side = self.rng.below(self.sides.len().max(1));
        let (author, known) = self.who_knows_what(act, side);
        let cut = self.oracle.effect(&self.oracle.closed(&known));
        let Some(plan) = self.plan(act, author, &cut) else { return };
        let Plan { group, body, inner_valid } = plan;
        let mut payload = author.draft(&self.oracle, &known, group, body);
        self.spoil(&mut payload);
        if let Some(id) = self.submit(author, payload, inner_valid) {
            // What is signed on one side is known there at once.
            if let Some(known) = self.sides.get_mut(side) {
                known.extend(self.oracle.closed(&[id]));
            }
        }
    }

    /// A partition begins or ends.
    fn turn(&mut self) {
        let count = if self.sides.len() > 1 { 1 } else { self.rng.between(2, 3) };
        self.turns += 1;
        self.sides = vec![self.oracle.all(); count];
    }

    /// Who acts on this side, and what they know, not closed.
    fn who_knows_what(&mut self, act: Act, side: usize) -> (&'static Author, Vec<OpId>) {
        if self.rng.chance(self.settings.backdated)
            && let Some(attack) = self.puppet().or_else(|| self.backdated())
        {
            return attack;
        }
        let view = self.sides.get(side).cloned().unwrap_or_else(|| self.oracle.all());
        let author = self.actor(act, side, &view);
        let own = self.ops.iter().filter(|op| op.payload.signer == author.id).map(|op| op.id);
        let own: Vec<OpId> = own.collect();
        let sees_all = !self.rng.chance(self.settings.partial);
        if self.byzantine.contains(&author.id) && !sees_all {
            return (author, self.sample());
        }
        let known = if sees_all {
            view.union(&self.oracle.closed(&own)).copied().collect()
        } else {
            self.some_of(&own)
        };
        let heads = self.oracle.effect(&known).heads.clone();
        (author, [heads, own].concat())
    }

    /// Where someone is while the partition lasts; honest people do not change sides.
    fn side_of(&self, author: &Author) -> usize {
        let place = usize::from(author.id.0[0]) / self.turns.max(1);
        place.checked_rem(self.sides.len()).unwrap_or_default()
    }

    /// What an author may know: some ops, all of one's own, and all before them.
    fn some_of(&mut self, own: &[OpId]) -> BTreeSet<OpId> {
        let known = [self.sample(), own.to_vec()].concat();
        self.oracle.closed(&known)
    }

    /// One to three ops.
    fn sample(&mut self) -> Vec<OpId> {
        let count = self.rng.between(1, 3);
        (0..count).filter_map(|_| self.rng.pick(&self.ops).map(|op| op.id)).collect()
    }

    /// Someone whose grant is void by now, at a cut where it was not.
    fn puppet(&mut self) -> Option<(&'static Author, Vec<OpId>)> {
        if self.rng.chance(50) {
            return None;
        }
        let now = self.oracle.now();
        let is_puppet = |op: &Op, author: &Author| {
            now.void.contains_key(&op.id)
                && self.oracle.void_at_cut(op.id).is_none()
                && gives(&op.payload.body, author.id)
        };
        let puppets: Vec<(&'static Author, OpId)> = (0..CAST_COUNT)
            .map(person)
            .flat_map(|author| self.ops.iter().map(move |op| (author, op)))
            .filter(|(author, op)| is_puppet(op, author))
            .map(|(author, op)| (author, op.id))
            .collect();
        let (author, grant) = *self.rng.pick(&puppets)?;
        let mut known = vec![grant];
        if self.rng.chance(50) {
            known.extend(self.sample());
        }
        Some((author, known))
    }

    /// Someone who was restricted, and a cut at which they were not.
    fn backdated(&mut self) -> Option<(&'static Author, Vec<OpId>)> {
        let now = self.oracle.now();
        let restrictions: Vec<(MemberId, OpId)> = self
            .ops
            .iter()
            .filter(|op| now.effective.contains(&op.id))
            .filter_map(|op| {
                let Body::MemberRestricted { member, .. } = op.payload.body else { return None };
                Some((member, op.id))
            })
            .collect();
        let (member, restriction) = *self.rng.pick(&restrictions)?;
        let author = (0..CAST_COUNT).map(person).find(|author| author.id == member)?;
        let grants = self.ops.iter().filter(|op| gives(&op.payload.body, member));
        let grants: Vec<OpId> = grants.map(|op| op.id).collect();
        let before: Vec<OpId> = self.oracle.past(restriction).into_iter().collect();
        let mut known = vec![*self.rng.pick(&grants)?];
        known.extend(self.rng.pick(&before));
        if self.rng.chance(50) {
            let own = self.ops.iter().filter(|op| op.payload.signer == member);
            known.extend(own.map(|op| op.id).filter(|id| before.contains(id)));
        }
        Some((author, known))
    }

    /// Someone on this side who is likely to be allowed to act, as far as it knows.
    fn actor(&mut self, act: Act, side: usize, view: &BTreeSet<OpId>) -> &'static Author {
        if act == Act::Anchor && self.rng.chance(90) {
            let notary = self.oracle.notary(view);
            let is_notary = |owner: &&&'static Author| Some(owner.id) == notary;
            return self.owners.iter().find(is_notary).copied().unwrap_or(person(0));
        }
        if self.rng.chance(4) {
            return self.anyone();
        }
        let (now, root) = (self.oracle.effect(view), self.root());
        let mut people: Vec<&Author> = (0..CAST_COUNT).map(person).collect();
        people.retain(|who| self.side_of(who) == side && now.is_member(who.id));
        let wants_admin = if act == Act::Invite { 85 } else { 50 };
        if self.rng.chance(wants_admin) {
            people.retain(|who| now.rights(who.id, root).is_admin());
        }
        // Those who have just been given something use it.
        let fresh: Vec<&Author> =
            people.iter().copied().filter(|who| self.is_fresh(who.id)).collect();
        let from = if self.rng.chance(35) && !fresh.is_empty() { fresh } else { people };
        self.rng.pick(&from).copied().unwrap_or(person(0))
    }

    /// Whether one of the last grants was to this member.
    fn is_fresh(&self, member: MemberId) -> bool {
        self.ops.iter().rev().take(6).any(|op| gives(&op.payload.body, member))
    }

    /// Someone who has acted lately.
    pub(super) fn someone_active(&mut self) -> MemberId {
        let at = self.ops.len().saturating_sub(self.rng.between(1, 6));
        self.ops.get(at).map_or(person(0).id, |op| op.payload.signer)
    }

    /// Someone who left or was restricted at some time; anyone where nobody was.
    pub(super) fn someone_gone(&mut self) -> &'static Author {
        let target = |op: &Op| {
            if let Body::MemberRestricted { member, .. } = op.payload.body {
                return Some(member);
            }
            matches!(op.payload.body, Body::MemberLeft).then_some(op.payload.signer)
        };
        let gone: Vec<MemberId> = self.ops.iter().filter_map(|op| target(op)).collect();
        let member = self.rng.pick(&gone).copied();
        let author = (0..CAST_COUNT).map(person).find(|author| Some(author.id) == member);
        author.unwrap_or_else(|| self.anyone())
    }

    /// A group and a new parent that undo, or cross, an earlier move.
    pub(super) fn reverse_move(&mut self) -> Option<(GroupId, GroupId)> {
        let moves: Vec<(GroupId, GroupId)> = self
            .ops
            .iter()
            .filter_map(|op| {
                let Body::GroupMoved { new_parent } = op.payload.body else { return None };
                Some((new_parent, op.payload.group))
            })
            .collect();
        self.rng.pick(&moves).copied()
    }

    /// An owner, mostly.
    pub(super) fn next_notary(&mut self) -> MemberId {
        let owner = self.rng.pick(&self.owners).copied().unwrap_or(person(0));
        if self.rng.chance(90) { owner.id } else { self.anyone().id }
    }

    /// An invitation written so far, with its secret.
    pub(super) fn invitation(&mut self) -> Option<(Invitation, &'static Author)> {
        self.rng.pick(&self.invitations).cloned()
    }

    /// Writes an invitation by someone who may invite, mostly.
    fn invite(&mut self) {
        let inviter = self.actor(Act::Invite, 0, &self.oracle.all());
        // An old frontier is one that more witnesses know.
        let known = match self.rng.below(4) {
            0 => self.oracle.now().heads.clone(),
            1 => self.sample(),
            _ => self.ops.iter().take(self.rng.between(1, 4)).map(|op| op.id).collect(),
        };
        let past = self.oracle.closed(&known);
        let cut = self.oracle.effect(&past);
        let secret = person(SECRETS_AT + self.invitations.len());
        let rights = if self.rng.chance(80) { Rights::MEMBER } else { self.rights() };
        let terms = Terms {
            namespace: self.oracle.namespace(),
            group: self.group(inviter, &cut),
            inviter: inviter.id,
            rights,
            uses_max: if self.rng.chance(70) { 1 } else { 2 },
            expires_at: UnixMillis(0),
            frontier: Bounded::truncated(self.oracle.maximal(&past)),
            one_time_key: secret.id,
        };
        self.invitations.push((inviter.invite(terms), secret));
    }

    /// A lie now and then.
    fn spoil(&mut self, payload: &mut Payload) {
        if self.rng.chance(self.settings.wrong_hash) {
            payload.state_hash = [0xaa; 32];
        }
        if self.rng.chance(self.settings.wrong_nonce) {
            let wrong = [0, payload.nonce + 1, payload.nonce.saturating_sub(1), u64::MAX];
            payload.nonce = self.rng.pick(&wrong).copied().unwrap_or(u64::MAX);
        }
        if self.rng.chance(self.settings.wrong_nonce / 3) {
            let parents = [payload.parents.to_vec(), self.sample()].concat();
            let parents: BTreeSet<OpId> = parents.into_iter().collect();
            payload.parents = Bounded::truncated(parents.into_iter().collect());
        }
    }

    /// An op that cites one that is not stored: nobody stores it either (A5).
    fn refuse_a_child_of_the_refused(&mut self) {
        let Some((parent, _)) = self.rng.pick(&self.refused) else { return };
        let mut payload = person(0).draft(&self.oracle, &[], self.root(), Body::Noop);
        payload.parents = Bounded::truncated(vec![parent.id]);
        let op = unchecked(&person(0).seal(&payload), true);
        self.refused.push((op, Admission::Drop(Dropped::RefusedParent)));
    }

    /// How likely it is that an op that is void for this reason stays in the world.
    fn worth_of(&self, reason: &VoidAtCut) -> usize {
        let is_common = matches!(
            reason,
            VoidAtCut::NotAuthorised(Unauthorised::Signer(_) | Unauthorised::Inviter(_))
                | VoidAtCut::Precondition(Precondition::NothingAdded | Precondition::Circle)
        );
        if is_common { self.settings.keep_void } else { self.settings.keep_void.max(40) }
    }

    /// Signs and keeps what becomes a node; keeps some of what does not for `refused`.
    fn submit(&mut self, author: &Author, payload: Payload, inner_valid: bool) -> Option<OpId> {
        let draft = unsigned(payload, inner_valid);
        if self.oracle.op(draft.id).is_some() {
            return None;
        }
        let admission = self.oracle.judge(&draft);
        let is_kept = match &admission {
            Admission::Admit | Admission::Void(VoidAtCut::StateHashMismatch { .. }) => true,
            Admission::Void(reason) => self.rng.chance(self.worth_of(reason)),
            Admission::Drop(_) | Admission::Pending { .. } => false,
        };
        let is_refusal = matches!(admission, Admission::Drop(_) | Admission::Pending { .. });
        let is_noted = is_refusal && self.refused.len() < REFUSED_MAX;
        if !is_kept && !is_noted {
            return None;
        }
        let op = unchecked(&author.seal(&draft.payload), inner_valid);
        if !is_kept {
            self.refused.push((op, admission));
            return None;
        }
        let id = op.id;
        self.oracle.add(copied(&op));
        self.ops.push(op);
        Some(id)
    }
}

/// Whether the body is a grant to `member`.
fn gives(body: &Body, member: MemberId) -> bool {
    matches!(body, Body::MemberAdded { member: to, .. } if *to == member)
        || matches!(body, Body::MemberJoined { request } if request.joiner == member)
}
