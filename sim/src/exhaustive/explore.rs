//! Visits worlds: signs nothing, but has every op judged by engine and oracle.

use super::alphabet::{Base, Letter};
use super::plan::{Choice, Selection, Worlds};
use crate::compare::check;
use crate::kit::unchecked;
use crate::oracle::Oracle;
use folkmoot_core::codec;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::OpId;
use folkmoot_core::key::Signature;
use folkmoot_core::signed::{Op, SignedOp, Verified};
use std::collections::BTreeSet;
use thiserror::Error;

/// Where engine and oracle part.
#[derive(Debug, Error)]
#[error("world {number}: {world}\ndelivered in the order {order:?}: {what}")]
pub struct Difference {
    /// Number of the world.
    pub number: u64,
    /// Its choices, for people.
    pub world: String,
    /// The choices that had arrived, from 1, in order.
    pub order: Vec<usize>,
    /// What differs.
    pub what: String,
}

/// What was visited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Covered {
    /// Worlds that there are.
    pub worlds: u64,
    /// Those of them that were visited.
    pub visited: u64,
    /// Prefixes of orders of delivery that were compared.
    pub prefixes: u64,
    /// Orders of delivery.
    pub orders: u64,
    /// Ops that are dropped: their worlds end with them.
    pub dropped: u64,
    /// Ops that are void at their cut.
    pub void_at_cut: u64,
    /// Ops without effect where all have arrived.
    pub voided: u64,
}

/// Visits the worlds of `ops` ops that are selected. `see` is told of every one that was visited.
///
/// # Errors
///
/// The first [`Difference`].
pub fn explore(
    base: &Base,
    ops: usize,
    selection: Selection,
    see: &mut dyn FnMut(&Covered),
) -> Result<Covered, Box<Difference>> {
    let mut visitor = Visitor::new(base);
    for (number, choices) in (0..).zip(Worlds::new(base.letters.len(), ops)) {
        visitor.covered.worlds += 1;
        if !selection.has(number) {
            continue;
        }
        let visited = visitor.visit(&choices);
        visited.map_err(|(order, what)| {
            let world = spell(&base.letters, &choices);
            Box::new(Difference { number, world, order, what })
        })?;
        see(&visitor.covered);
    }
    Ok(visitor.covered)
}

/// The choices of a world for people.
pub(super) fn spell(letters: &[Letter], choices: &[Choice]) -> String {
    let spelled = choices.iter().enumerate().map(|(at, choice)| {
        let name = letters.get(choice.letter).map_or("?", |letter| letter.name);
        let known = (0..at).filter(|other| choice.knows(*other)).map(|other| other + 1);
        let known: Vec<String> = known.map(|number| number.to_string()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!("{}. {name}, knowing {known}", at + 1)
    });
    spelled.collect::<Vec<_>>().join("; ")
}

/// One op of a world, with what the oracle says of it and of everything before it.
pub(super) struct Placed {
    pub(super) choice: Choice,
    pub(super) op: Verified<Op>,
    pub(super) verdict: Admission,
    oracle: Oracle,
}

impl Placed {
    fn is_dropped(&self) -> bool {
        matches!(self.verdict, Admission::Drop(_))
    }
}

/// A place in the tree of orders of delivery, and what is wrong there.
type Fault = (Vec<usize>, String);

pub(super) struct Visitor<'a> {
    base: &'a Base,
    space: Space,
    cuts: Cuts,
    /// The ops of the last world; the next one often begins with the same.
    pub(super) placed: Vec<Placed>,
    pub(super) covered: Covered,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(base: &'a Base) -> Self {
        let (mut space, mut cuts) = (Space::default(), Cuts::default());
        for op in &base.stage.log {
            space.admit(&mut cuts, op);
        }
        Self { base, space, cuts, placed: Vec::new(), covered: Covered::default() }
    }

    pub(super) fn visit(&mut self, choices: &[Choice]) -> Result<(), Fault> {
        if self.place(choices) {
            return self.deliver();
        }
        self.covered.visited += 1;
        Ok(())
    }

    /// Has the oracle judge every op of a world, up to one that it drops. False where that leaves
    /// the world that was placed last.
    pub(super) fn place(&mut self, choices: &[Choice]) -> bool {
        let same = self.placed.iter().zip(choices).take_while(|(old, new)| old.choice == **new);
        self.placed.truncate(same.count());
        if self.placed.last().is_some_and(Placed::is_dropped) {
            return false;
        }
        for choice in choices.iter().skip(self.placed.len()) {
            let Some(letter) = self.base.letters.get(choice.letter) else { break };
            let before = self.placed.iter().enumerate();
            let known = before.filter(|(at, _)| choice.knows(*at)).map(|(_, placed)| placed.op.id);
            let known: Vec<OpId> = known.chain([self.base.head]).collect();
            let last = self.placed.last().map_or(&self.base.stage.oracle, |last| &last.oracle);
            let Letter { author, group, body, .. } = letter;
            let payload = author.draft(last, &known, *group, body.clone());
            // Nobody looks at the signature behind the front door, and making it takes longest.
            let signed =
                SignedOp { payload: codec::encode(&payload), signature: Signature([0; 64]) };
            let op = unchecked(&signed, true);
            let mut oracle = last.clone();
            let verdict = oracle.add(op.clone());
            let placed = Placed { choice: *choice, op, verdict, oracle };
            let is_dropped = placed.is_dropped();
            self.placed.push(placed);
            // Nobody can build on what is dropped, and it changes nothing for others.
            if is_dropped {
                break;
            }
        }
        true
    }

    /// Has the engine judge them in every order.
    pub(super) fn deliver(&mut self) -> Result<(), Fault> {
        let mut covered = self.covered;
        for placed in &self.placed {
            covered.void_at_cut += u64::from(matches!(placed.verdict, Admission::Void(_)));
            covered.dropped += u64::from(placed.is_dropped());
        }
        if let Some(last) = self.placed.last() {
            covered.voided += last.oracle.now().void.len() as u64;
        }
        covered.visited += 1;
        self.from(&self.space, &self.cuts, &mut Vec::new(), &mut covered)?;
        self.covered = covered;
        Ok(())
    }

    fn from(
        &self,
        space: &Space,
        cuts: &Cuts,
        order: &mut Vec<usize>,
        covered: &mut Covered,
    ) -> Result<(), Fault> {
        if order.len() == self.placed.len() {
            covered.orders += 1;
            // Every world is read back once (I8).
            return if order.is_sorted() { self.restored(space, order) } else { Ok(()) };
        }
        for (at, placed) in self.placed.iter().enumerate() {
            let is_here = |other: usize| order.contains(&(other + 1));
            let lacks = (0..at).any(|other| placed.choice.knows(other) && !is_here(other));
            if is_here(at) || lacks {
                continue;
            }
            let (mut space, mut cuts) = (space.clone(), cuts.clone());
            let got = space.admit(&mut cuts, &placed.op);
            order.push(at + 1);
            if got != placed.verdict {
                let what = format!("K12: verdict {got:?}, expected {:?}", placed.verdict);
                return Err((order.clone(), what));
            }
            covered.prefixes += 1;
            self.compare(&space, order).map_err(|what| (order.clone(), what))?;
            self.from(&space, &cuts, order, covered)?;
            order.pop();
        }
        Ok(())
    }

    fn restored(&self, space: &Space, order: &[usize]) -> Result<(), Fault> {
        let restored = space.archive().restore().map_err(|why| format!("I8: {why}"));
        let compared = restored.and_then(|space| self.compare(&space, order));
        compared.map_err(|what| (order.to_vec(), what))
    }

    /// Engine and oracle, with these choices known.
    fn compare(&self, space: &Space, order: &[usize]) -> Result<(), String> {
        let Some(last) = self.placed.last() else { return Ok(()) };
        let here = order.iter().filter_map(|number| self.placed.get(number - 1));
        let here = here.map(|placed| placed.op.id).filter(|id| last.oracle.op(*id).is_some());
        let set: BTreeSet<OpId> = self.base.stage.oracle.all().into_iter().chain(here).collect();
        check(space, &last.oracle.effect(&set))
    }
}
