//! A persistent sparse map from `u32` keys.
//!
//! [`PMap`] is a trie over the bits of the key, sixteen ways at each node, in which a node that
//! would have one child is left out. Its shape is a function of its keys. A clone is one reference
//! count; copies share every node in which they agree, and a change copies only the path to the
//! changed key, or nothing where no copy shares it. Differences and unions of two maps pass over
//! what they share without looking inside.

mod combine;
pub(crate) mod slots;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::iter::FusedIterator;
use core::slice;
use slots::{SLOT_BITS, Slots};

/// A persistent map from `u32` to `T`.
///
/// Cloning takes constant time; reading and changing an entry takes at most eight steps. An entry
/// of a dense map costs about half a word beside its value, a map of one entry under 100 bytes.
#[derive(Clone)]
pub struct PMap<T> {
    root: Option<Arc<Node<T>>>,
}

/// A node spans an aligned range of keys, all of which agree in the bits above the node's own.
#[derive(Clone)]
enum Node<T> {
    /// Values of the keys `base + slot`; at least one.
    Leaf { base: u32, values: Slots<T> },
    /// At least two children; the one in a slot holds the keys that have the slot's number in the
    /// four bits from `shift` on. `base` is the first key of the range, `count` the entries below.
    Branch { base: u32, shift: u8, count: usize, children: Slots<Arc<Node<T>>> },
}

/// The slot of `key` in a node whose own bits begin at `shift`.
fn slot_of(key: u32, shift: u8) -> u32 {
    (key >> shift) & 0xf
}

/// The lowest shift at which one node can hold two keys whose exclusive or is `difference`.
fn shift_spanning(difference: u32) -> u8 {
    let top = difference.checked_ilog2().unwrap_or(0);
    // At most 28, so nothing is cut off.
    u8::try_from(top / SLOT_BITS * SLOT_BITS).unwrap_or(0)
}

impl<T> Node<T> {
    fn single(key: u32, value: T) -> Arc<Self> {
        let values = Slots::single(slot_of(key, 0), value);
        Arc::new(Self::Leaf { base: key & !0xf, values })
    }

    /// The branch over `children`, which all hold keys of the range of `key` at `shift`.
    fn branch(key: u32, shift: u8, children: Slots<Arc<Self>>) -> Self {
        let count = children.items().iter().map(|child| child.count()).sum();
        let base = key & !(0xf_u32 << shift) & (u32::MAX << shift);
        Self::Branch { base, shift, count, children }
    }

    /// The branch over two nodes whose ranges are disjoint.
    fn fork(left: Arc<Self>, right: Arc<Self>) -> Arc<Self> {
        let (left_base, right_base) = (left.base(), right.base());
        let shift = shift_spanning(left_base ^ right_base);
        let mut children = Slots::single(slot_of(left_base, shift), left);
        children.insert(slot_of(right_base, shift), right);
        Arc::new(Self::branch(left_base, shift, children))
    }

    fn base(&self) -> u32 {
        match self {
            Self::Leaf { base, .. } | Self::Branch { base, .. } => *base,
        }
    }

    fn shift(&self) -> u8 {
        match self {
            Self::Leaf { .. } => 0,
            Self::Branch { shift, .. } => *shift,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Leaf { values, .. } => values.items().len(),
            Self::Branch { count, .. } => *count,
        }
    }

    /// Whether `key` lies in the range of this node.
    fn spans(&self, key: u32) -> bool {
        (key ^ self.base()) >> self.shift() <= 0xf
    }
}

impl<T: Clone> Node<T> {
    fn insert(this: &mut Arc<Self>, key: u32, value: T) -> Option<T> {
        if !this.spans(key) {
            *this = Self::fork(Arc::clone(this), Self::single(key, value));
            return None;
        }
        match Arc::make_mut(this) {
            Self::Leaf { values, .. } => values.insert(slot_of(key, 0), value),
            Self::Branch { shift, count, children, .. } => {
                let slot = slot_of(key, *shift);
                let old = if let Some(child) = children.get_mut(slot) {
                    Self::insert(child, key, value)
                } else {
                    children.insert(slot, Self::single(key, value));
                    None
                };
                *count += usize::from(old.is_none());
                old
            }
        }
    }

    /// Removes `key`, which is present. A leaf may end up empty; then the caller drops it.
    fn remove(this: &mut Arc<Self>, key: u32) -> Option<T> {
        let (old, last) = match Arc::make_mut(this) {
            Self::Leaf { values, .. } => (values.remove(slot_of(key, 0)), None),
            Self::Branch { shift, count, children, .. } => {
                let slot = slot_of(key, *shift);
                let child = children.get_mut(slot)?;
                let old = Self::remove(child, key);
                if child.count() == 0 {
                    children.remove(slot);
                }
                *count -= usize::from(old.is_some());
                let last =
                    if let [only] = children.items() { Some(Arc::clone(only)) } else { None };
                (old, last)
            }
        };
        if let Some(last) = last {
            *this = last;
        }
        old
    }
}

impl<T> PMap<T> {
    /// The empty map.
    pub const fn new() -> Self {
        Self { root: None }
    }

    /// The number of entries, in constant time.
    pub fn len(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.count())
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The value at `key`.
    pub fn get(&self, key: u32) -> Option<&T> {
        let mut node = self.root.as_deref()?;
        while node.spans(key) {
            node = match node {
                Node::Leaf { values, .. } => return values.get(slot_of(key, 0)),
                Node::Branch { shift, children, .. } => children.get(slot_of(key, *shift))?,
            };
        }
        None
    }

    /// The entries, by ascending key.
    pub fn iter(&self) -> Iter<'_, T> {
        let path = Vec::from([self.root.as_slice().iter()]);
        Iter { path, leaf: (0, slots::Iter::default()), rest: self.len() }
    }

    /// Whether both maps are the same memory. `false` says nothing about their entries.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl<T: Clone> PMap<T> {
    /// The value at `key`, to be changed; other copies of the map keep the old one.
    pub fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        // An absent key must not cost a copy.
        self.get(key)?;
        let mut node = self.root.as_mut()?;
        loop {
            node = match Arc::make_mut(node) {
                Node::Leaf { values, .. } => return values.get_mut(slot_of(key, 0)),
                Node::Branch { shift, children, .. } => children.get_mut(slot_of(key, *shift))?,
            };
        }
    }

    /// Puts `value` at `key`; returns the value that was there.
    pub fn insert(&mut self, key: u32, value: T) -> Option<T> {
        if let Some(root) = &mut self.root {
            return Node::insert(root, key, value);
        }
        self.root = Some(Node::single(key, value));
        None
    }

    /// Removes `key`; returns the value that was there.
    pub fn remove(&mut self, key: u32) -> Option<T> {
        // An absent key must not cost a copy.
        self.get(key)?;
        let old = Node::remove(self.root.as_mut()?, key);
        self.root.take_if(|root| root.count() == 0);
        old
    }
}

impl<T> Default for PMap<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for PMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<T: Clone> FromIterator<(u32, T)> for PMap<T> {
    fn from_iter<I: IntoIterator<Item = (u32, T)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<'a, T> IntoIterator for &'a PMap<T> {
    type Item = (u32, &'a T);
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Iterator over the entries of a [`PMap`], by ascending key.
pub struct Iter<'a, T> {
    /// What is left of the children of each branch on the path to the current leaf.
    path: Vec<slice::Iter<'a, Arc<Node<T>>>>,
    /// What is left of the current leaf, and its base.
    leaf: (u32, slots::Iter<'a, T>),
    /// How many entries are to come.
    rest: usize,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (u32, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((slot, value)) = self.leaf.1.next() {
                self.rest -= 1;
                return Some((self.leaf.0 | slot, value));
            }
            match self.path.last_mut()?.next().map(Arc::as_ref) {
                Some(Node::Leaf { base, values }) => self.leaf = (*base, values.iter()),
                Some(Node::Branch { children, .. }) => self.path.push(children.items().iter()),
                None => drop(self.path.pop()),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest, Some(self.rest))
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> FusedIterator for Iter<'_, T> {}
