//! Operations on two maps that walk both at once and skip what they share.

use super::slots::{self, Slots};
use super::{Node, PMap, shift_spanning, slot_of};
use alloc::sync::Arc;
use core::cmp::Ordering;

/// Receives a key whose values differ: the key, the value in the first and in the second map.
type OnDifference<'a, T> = dyn FnMut(u32, Option<&T>, Option<&T>) + 'a;

impl<T: PartialEq> PMap<T> {
    /// Calls `found` for every key whose value differs, ascending, with the value in `self` and
    /// the value in `other`. What the maps share costs nothing.
    pub fn diff(&self, other: &Self, found: &mut OnDifference<'_, T>) {
        Node::diff(self.root.as_ref(), other.root.as_ref(), found);
    }
}

impl<T: Clone + PartialEq> PMap<T> {
    /// The union: where both maps have a key, its value is `combine(mine, theirs)`.
    ///
    /// `combine(x, x)` must equal `x`: what the maps share is taken as it is. Every part of the
    /// result that equals `self` is shared with `self`, any other that equals `other` with `other`.
    #[must_use]
    pub fn merge_with(&self, other: &Self, combine: impl Fn(&T, &T) -> T) -> Self {
        let root = match (&self.root, &other.root) {
            (Some(mine), Some(theirs)) => Some(Node::merge(mine, theirs, &combine).0),
            (Some(only), None) | (None, Some(only)) => Some(Arc::clone(only)),
            (None, None) => None,
        };
        Self { root }
    }
}

impl<T: PartialEq> PartialEq for PMap<T> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(mine), Some(theirs)) => Node::equal(mine, theirs),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl<T: Eq> Eq for PMap<T> {}

/// Smaller is what has fewer entries; of maps of one size it is some order of their entries, in
/// which what the maps share costs nothing.
impl<T: Ord> Ord for PMap<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.root, &other.root) {
            (Some(mine), Some(theirs)) => Node::order(mine, theirs),
            (mine, theirs) => mine.is_some().cmp(&theirs.is_some()),
        }
    }
}

impl<T: Ord> PartialOrd for PMap<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Node<T> {
    /// Base and values of two leaves, if they are such and hold the same range of keys.
    fn leaves_of_one_range<'a>(
        mine: &'a Self,
        theirs: &'a Self,
    ) -> Option<(u32, &'a Slots<T>, &'a Slots<T>)> {
        match (mine, theirs) {
            (Self::Leaf { base, values: x }, Self::Leaf { base: other, values: y }) => {
                (base == other).then_some((*base, x, y))
            }
            (Self::Branch { .. }, _) | (_, Self::Branch { .. }) => None,
        }
    }

    /// The shift of the lowest node that could hold both: zero only for two leaves of one range.
    fn common_shift(&self, other: &Self) -> u8 {
        let apart = shift_spanning(self.base() ^ other.base());
        self.shift().max(other.shift()).max(apart)
    }

    /// This subtree as seen from a node of its range at `shift`: which slots it fills there.
    fn bitmap_at(&self, shift: u8) -> u16 {
        match self {
            Self::Branch { shift: own, children, .. } if *own == shift => children.bitmap(),
            Self::Leaf { base, .. } | Self::Branch { base, .. } => {
                slots::bit(slot_of(*base, shift))
            }
        }
    }

    /// The part of this subtree that fills `slot` of a node of its range at `shift`.
    fn child_at(this: &Arc<Self>, shift: u8, slot: u32) -> Option<&Arc<Self>> {
        match this.as_ref() {
            Self::Branch { shift: own, children, .. } if *own == shift => children.get(slot),
            Self::Leaf { base, .. } | Self::Branch { base, .. } => {
                (slot_of(*base, shift) == slot).then_some(this)
            }
        }
    }

    fn for_each(&self, visit: &mut dyn FnMut(u32, &T)) {
        match self {
            Self::Leaf { base, values } => {
                values.iter().for_each(|(slot, value)| visit(base | slot, value));
            }
            Self::Branch { children, .. } => {
                children.items().iter().for_each(|child| child.for_each(visit));
            }
        }
    }
}

impl<T: PartialEq> Node<T> {
    fn equal(mine: &Arc<Self>, theirs: &Arc<Self>) -> bool {
        if Arc::ptr_eq(mine, theirs) {
            return true;
        }
        match (mine.as_ref(), theirs.as_ref()) {
            (Self::Branch { children: x, .. }, Self::Branch { children: y, .. }) => {
                mine.base() == theirs.base()
                    && mine.shift() == theirs.shift()
                    && mine.count() == theirs.count()
                    && x.bitmap() == y.bitmap()
                    && x.items().iter().zip(y.items()).all(|(x, y)| Self::equal(x, y))
            }
            (mine, theirs) => {
                Self::leaves_of_one_range(mine, theirs).is_some_and(|(_, x, y)| x == y)
            }
        }
    }

    fn diff(mine: Option<&Arc<Self>>, theirs: Option<&Arc<Self>>, found: &mut OnDifference<'_, T>) {
        let (mine, theirs) = match (mine, theirs) {
            (Some(mine), Some(theirs)) => (mine, theirs),
            (Some(mine), None) => return mine.for_each(&mut |key, x| found(key, Some(x), None)),
            (None, Some(theirs)) => {
                return theirs.for_each(&mut |key, y| found(key, None, Some(y)));
            }
            (None, None) => return,
        };
        if Arc::ptr_eq(mine, theirs) {
            return;
        }
        if let Some((base, x, y)) = Self::leaves_of_one_range(mine, theirs) {
            for slot in slots::filled(x.bitmap() | y.bitmap()) {
                let (x, y) = (x.get(slot), y.get(slot));
                if x != y {
                    found(base | slot, x, y);
                }
            }
            return;
        }
        let shift = mine.common_shift(theirs);
        for slot in slots::filled(mine.bitmap_at(shift) | theirs.bitmap_at(shift)) {
            let mine = Self::child_at(mine, shift, slot);
            Self::diff(mine, Self::child_at(theirs, shift, slot), found);
        }
    }
}

impl<T: Ord> Node<T> {
    fn order(mine: &Arc<Self>, theirs: &Arc<Self>) -> Ordering {
        if Arc::ptr_eq(mine, theirs) {
            return Ordering::Equal;
        }
        let shape = |node: &Self| (node.count(), node.shift(), node.base());
        let by_shape = shape(mine).cmp(&shape(theirs));
        by_shape.then_with(|| match (mine.as_ref(), theirs.as_ref()) {
            (Self::Leaf { values: x, .. }, Self::Leaf { values: y, .. }) => {
                (x.bitmap(), x.items()).cmp(&(y.bitmap(), y.items()))
            }
            (Self::Branch { children: x, .. }, Self::Branch { children: y, .. }) => {
                let mut pairs = x.items().iter().zip(y.items());
                let differ = |(x, y)| Some(Self::order(x, y)).filter(|order| order.is_ne());
                let by_child = || pairs.find_map(differ).unwrap_or(Ordering::Equal);
                x.bitmap().cmp(&y.bitmap()).then_with(by_child)
            }
            // Only a leaf has the shift of a leaf.
            (Self::Leaf { .. }, Self::Branch { .. }) => Ordering::Less,
            (Self::Branch { .. }, Self::Leaf { .. }) => Ordering::Greater,
        })
    }
}

/// Whether a merged part equals the part of one side and of the other.
#[derive(Clone, Copy)]
struct Equals {
    mine: bool,
    theirs: bool,
}

impl<T: Clone + PartialEq> Node<T> {
    fn merge(
        mine: &Arc<Self>,
        theirs: &Arc<Self>,
        combine: &impl Fn(&T, &T) -> T,
    ) -> (Arc<Self>, Equals) {
        if Arc::ptr_eq(mine, theirs) {
            return (Arc::clone(mine), Equals { mine: true, theirs: true });
        }
        let (merged, equals) = if let Some((base, x, y)) = Self::leaves_of_one_range(mine, theirs) {
            let sides = |slot| (x.get(slot), y.get(slot));
            let both = |x: &T, y: &T| {
                let value = combine(x, y);
                let equals = Equals { mine: value == *x, theirs: value == *y };
                (value, equals)
            };
            let (values, equals) = union(x.bitmap() | y.bitmap(), sides, both);
            (Self::Leaf { base, values }, equals)
        } else {
            let shift = mine.common_shift(theirs);
            let sides =
                |slot| (Self::child_at(mine, shift, slot), Self::child_at(theirs, shift, slot));
            let both = |x: &Arc<Self>, y: &Arc<Self>| Self::merge(x, y, combine);
            let filled = mine.bitmap_at(shift) | theirs.bitmap_at(shift);
            let (children, equals) = union(filled, sides, both);
            (Self::branch(mine.base(), shift, children), equals)
        };
        let shared = match equals {
            Equals { mine: true, .. } => Arc::clone(mine),
            Equals { theirs: true, .. } => Arc::clone(theirs),
            Equals { .. } => Arc::new(merged),
        };
        (shared, equals)
    }
}

/// The slots `filled` by either of two sides; `both` joins the items where both do.
fn union<'a, T: Clone + 'a>(
    filled: u16,
    sides: impl Fn(u32) -> (Option<&'a T>, Option<&'a T>),
    both: impl Fn(&T, &T) -> (T, Equals),
) -> (Slots<T>, Equals) {
    let mut all = Equals { mine: true, theirs: true };
    let join = |slot| {
        let (item, equals) = match sides(slot) {
            (Some(x), Some(y)) => both(x, y),
            (Some(x), None) => (x.clone(), Equals { mine: true, theirs: false }),
            (None, Some(y)) => (y.clone(), Equals { mine: false, theirs: true }),
            (None, None) => return None,
        };
        all.mine &= equals.mine;
        all.theirs &= equals.theirs;
        Some((slot, item))
    };
    let items = slots::filled(filled).filter_map(join).collect();
    (items, all)
}
