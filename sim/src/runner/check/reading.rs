//! What the checkers of authority read of the ops of a node, each op once.
//!
//! It follows from an op and its past alone: by which grants it was allowed, who gave those to
//! whom, and whether that was enough. What has effect is another matter, and is asked at each look.

use super::facts::{Facts, Gift, taken};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::order::Seniority;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::{GrantIx, Ix};
use folkmoot_core::id::{GroupId, MemberId, OpId};
use folkmoot_core::signed::Op;

/// One op.
pub(super) struct Read {
    pub(super) id: OpId,
    /// The ops whose grants authorise it.
    pub(super) by: Vec<Ix>,
    /// For everybody who needs a right to it, those of them that gave one.
    pub(super) givers: Vec<(MemberId, Vec<Ix>)>,
    /// What it grants, as the engine and as its words have it.
    pub(super) grant: Option<GrantIx>,
    pub(super) gifts: Vec<Gift>,
    /// Whom it restricts, and what it leaves.
    pub(super) taken: Option<(MemberId, Rights)>,
    pub(super) signer: MemberId,
    /// Why it may not have effect.
    pub(super) fault: Option<String>,
}

/// The ops of a node, by their places.
#[derive(Default)]
pub(super) struct Reading(Vec<Read>);

impl Reading {
    pub(super) fn get(&self, ix: Ix) -> Option<&Read> {
        self.0.get(ix.0 as usize)
    }

    /// Reads the ops that came since the last time; whether all could be read.
    pub(super) fn go_on(&mut self, space: &Space, facts: &Facts) -> bool {
        let from = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        for ix in (from..space.graph().len()).map(Ix) {
            let Some(op) = facts.at(space, ix) else { return false };
            let read = Reader { space, facts, ix, op }.read();
            self.0.push(read);
        }
        true
    }
}

/// Reads one op.
struct Reader<'a> {
    space: &'a Space,
    facts: &'a Facts,
    ix: Ix,
    op: &'a Op,
}

impl Reader<'_> {
    fn read(&self) -> Read {
        let (graph, path) = (self.space.graph(), self.path());
        let node = graph.node(self.ix);
        let grants = node.auths().map(|auth| graph.op_of_grant(auth.grant));
        let by: Vec<Ix> = grants.filter_map(|op| graph.find(&op)).collect();
        let gave = |actor| {
            let is_giver =
                |by: &Ix| graph.is_past(*by, self.ix) && self.gives(*by, actor, &path).is_some();
            (actor, by.iter().copied().filter(is_giver).collect())
        };
        Read {
            id: self.op.id,
            givers: actors(self.op).into_iter().map(gave).collect(),
            grant: node.deed.grant(),
            gifts: self.facts.gifts(self.space, self.ix),
            taken: taken(self.op),
            signer: self.op.payload.signer,
            fault: self.fault(&by, &path),
            by,
        }
    }

    /// Ids of the groups on the path of the op, at its cut.
    fn path(&self) -> Vec<GroupId> {
        let (graph, node) = (self.space.graph(), self.space.graph().node(self.ix));
        node.tree.path(node.group).into_iter().map(|group| graph.group_id(group)).collect()
    }

    /// What an op gives to a person in one of these groups.
    fn gives(&self, by: Ix, member: MemberId, path: &[GroupId]) -> Option<Gift> {
        let mut gifts = self.facts.gifts(self.space, by).into_iter();
        gifts.find(|gift| gift.member == member && path.contains(&gift.group))
    }

    /// K2, K10, and D8 of what it grants.
    fn fault(&self, by: &[Ix], path: &[GroupId]) -> Option<String> {
        let graph = self.space.graph();
        let (node, id) = (graph.node(self.ix), self.op.id);
        let own = node.deed.grant().map(|grant| graph.seniority(grant));
        let mut auths = node.auths();
        if auths.any(|auth| own.is_some_and(|own| graph.seniority(auth.grant) >= own)) {
            return Some(format!("K2: what op {id} grants is not junior to its authority"));
        }
        if own.is_some_and(|own| own.tier == Seniority::OWNER) {
            return Some(format!("D8: op {id} makes an owner, and is no genesis"));
        }
        self.facts.gifts(self.space, self.ix).into_iter().find_map(|gift| {
            let giver = gift.giver?;
            let has = by.iter().fold(Rights::NONE, |has, by| {
                has | self.gives(*by, giver, path).map_or(Rights::NONE, |gift| gift.rights)
            });
            let rights = gift.rights;
            let is_within = has.covers(rights);
            let fault =
                || format!("K10: op {id} gives {rights}, and {giver:?} has no more than {has}");
            (!is_within).then(fault)
        })
    }
}

/// Those who need a right for an op: its signer, and for a join also the inviter; nobody for a
/// genesis and for what somebody gives up.
fn actors(op: &Op) -> Vec<MemberId> {
    let signer = op.payload.signer;
    let gives_up = taken(op).is_some_and(|(member, _)| member == signer);
    if gives_up || matches!(op.payload.body, Body::NamespaceCreated { .. }) {
        return Vec::new();
    }
    let inviter = if let Body::MemberJoined { request } = &op.payload.body {
        Some(request.invitation.terms.inviter)
    } else {
        None
    };
    std::iter::once(signer).chain(inviter).collect()
}
