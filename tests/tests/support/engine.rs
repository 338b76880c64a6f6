//! The engine of one namespace, with the questions that people ask of it.

use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::{Judgement, Space};
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::{GroupId, MemberId, NamespaceId, OpId};
use folkmoot_core::query::{MemberView, NamespaceView, Standing};
use folkmoot_core::signed::{Op, Verified};
use folkmoot_core::state::{Namespace, State};
use folkmoot_sim::compare::check;
use folkmoot_sim::kit::{Author, person};
use folkmoot_sim::oracle::Oracle;
use std::collections::BTreeSet;

pub(crate) struct Engine {
    pub(crate) state: State,
    namespace: NamespaceId,
    cuts: Cuts,
    refused: BTreeSet<OpId>,
}

impl Engine {
    pub(crate) fn new(namespace: NamespaceId) -> Self {
        let mut state = State::default();
        let known = Namespace {
            me: person(0).id,
            is_open: true,
            space: Space::default(),
            parked: Vec::new(),
            issued: Vec::new(),
            join: None,
            addresses: Vec::new(),
        };
        state.durable.namespaces.insert(namespace, known);
        Self { state, namespace, cuts: Cuts::default(), refused: BTreeSet::new() }
    }

    pub(crate) fn space(&self) -> &Space {
        &self.state.durable.namespaces[&self.namespace].space
    }

    fn space_mut(&mut self) -> &mut Space {
        &mut self.state.durable.namespaces.get_mut(&self.namespace).unwrap().space
    }

    /// Judges an op, and stores and evaluates it where that is its verdict.
    pub(crate) fn add(&mut self, op: &Verified<Op>) -> Admission {
        if let Some(ix) = self.space().graph().find(&op.id) {
            let void = self.space().graph().void_at_cut(ix).copied();
            return void.map_or(Admission::Admit, Admission::Void);
        }
        let Self { state, namespace, cuts, refused } = self;
        let space = &mut state.durable.namespaces.get_mut(namespace).unwrap().space;
        match space.judge(cuts, op, |id| refused.contains(id), &mut u32::MAX.clone()) {
            Judgement::Later => panic!("the budget was without bound"),
            Judgement::Refuse(refusal) => {
                if matches!(refusal, Admission::Drop(_)) {
                    refused.insert(op.id);
                }
                refusal
            }
            Judgement::Store(judged) => {
                space.store(op, &judged, 0);
                space.settle(&mut u32::MAX.clone());
                cuts.note(space.graph(), space.view());
                judged.void.map_or(Admission::Admit, Admission::Void)
            }
        }
    }

    /// Puts the archive of the space in its place: what a restart from a snapshot does (I8).
    pub(crate) fn restart(&mut self) {
        let restored = self.space().archive().restore().unwrap();
        *self.space_mut() = restored;
        self.cuts = Cuts::default();
    }

    /// Everything that the rules define is as the oracle says.
    pub(crate) fn agrees(&self, oracle: &Oracle, known: &BTreeSet<OpId>) -> Result<(), String> {
        check(self.space(), &oracle.effect(known))
    }

    pub(crate) fn members(&self, group: GroupId) -> Vec<MemberView> {
        self.state.members(&self.namespace, &group)
    }

    /// Direct rights.
    pub(crate) fn rights(&self, member: &Author, group: GroupId) -> Rights {
        let rows = self.members(group);
        let row = rows.iter().find(|row| row.member == member.id);
        row.map_or(Rights::NONE, |row| row.rights)
    }

    pub(crate) fn standing(&self, op: OpId) -> Standing {
        self.state.op(&self.namespace, &op).unwrap().standing
    }

    pub(crate) fn is_effective(&self, op: OpId) -> bool {
        self.standing(op) == Standing::Effective
    }

    pub(crate) fn summary(&self) -> NamespaceView {
        self.state.namespace(&self.namespace).unwrap()
    }

    pub(crate) fn heads(&self) -> Vec<OpId> {
        self.summary().heads
    }

    /// The groups that exist, in the order of the query.
    pub(crate) fn groups(&self) -> Vec<GroupId> {
        self.state.groups(&self.namespace).iter().map(|group| group.group).collect()
    }

    pub(crate) fn exists(&self, group: GroupId) -> bool {
        self.state.group(&self.namespace, &group).is_some()
    }

    /// The parent of a group that exists.
    pub(crate) fn parent(&self, group: GroupId) -> Option<GroupId> {
        self.state.group(&self.namespace, &group).unwrap().parent
    }

    /// Who signed twice with one nonce, and what.
    pub(crate) fn evidence(&self) -> Vec<(MemberId, u64, BTreeSet<OpId>)> {
        let evidence = self.state.evidence(&self.namespace).into_iter();
        evidence.map(|found| (found.signer, found.nonce, found.ops.into_iter().collect())).collect()
    }
}
