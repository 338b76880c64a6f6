//! Sixteen numbered places of which only the filled ones take memory.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::slice;

/// Bits of a key that choose a place.
pub(crate) const SLOT_BITS: u32 = 4;
/// The number of slots.
pub(crate) const SLOTS: usize = 16;

/// Up to sixteen items, each in a slot numbered 0 to 15.
///
/// The items stand in one allocation of exactly their size, in the order of their slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slots<T> {
    /// Bit `n` is set where slot `n` is filled.
    bitmap: u16,
    items: Box<[T]>,
}

/// The bit of `slot` in a bitmap; only the low four bits of `slot` count.
pub(crate) fn bit(slot: u32) -> u16 {
    1 << (slot & 0xf)
}

/// The slots whose bits are set in `bitmap`, ascending.
pub(crate) fn filled(bitmap: u16) -> impl Iterator<Item = u32> {
    (0..u16::BITS).filter(move |&slot| bitmap & bit(slot) != 0)
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { bitmap: 0, items: Box::default() }
    }
}

impl<T> Slots<T> {
    /// Slots of which only `slot` is filled, with `item`.
    pub(crate) fn single(slot: u32, item: T) -> Self {
        Self { bitmap: bit(slot), items: Box::new([item]) }
    }

    /// Slots filled with items that are given by ascending slot.
    pub(crate) fn ascending(items: impl Iterator<Item = (u32, T)>) -> Self {
        let mut bitmap = 0;
        let items = items.map(|(slot, item)| {
            bitmap |= bit(slot);
            item
        });
        let items = items.collect();
        Self { bitmap, items }
    }

    /// One bit for each filled slot.
    pub(crate) fn bitmap(&self) -> u16 {
        self.bitmap
    }

    /// The items in the order of their slots.
    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }

    /// The item in `slot`.
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        if self.is_filled(slot) { self.items.get(self.rank(slot)) } else { None }
    }

    /// The item in `slot`, to be changed.
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let rank = self.rank(slot);
        if self.is_filled(slot) { self.items.get_mut(rank) } else { None }
    }

    /// Puts `item` into `slot`; returns what was there.
    pub(crate) fn insert(&mut self, slot: u32, item: T) -> Option<T> {
        if let Some(old) = self.get_mut(slot) {
            return Some(mem::replace(old, item));
        }
        let rank = self.rank(slot);
        let mut items = mem::take(&mut self.items).into_vec();
        items.reserve_exact(1);
        items.insert(rank, item);
        self.items = items.into_boxed_slice();
        self.bitmap |= bit(slot);
        None
    }

    /// Empties `slot`; returns what was there.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        if !self.is_filled(slot) {
            return None;
        }
        let rank = self.rank(slot);
        let mut items = mem::take(&mut self.items).into_vec();
        let old = items.remove(rank);
        self.items = items.into_boxed_slice();
        self.bitmap &= !bit(slot);
        Some(old)
    }

    /// The filled slots with their items, ascending.
    pub(crate) fn iter(&self) -> Iter<'_, T> {
        Iter { bitmap: self.bitmap, items: self.items.iter() }
    }

    fn is_filled(&self, slot: u32) -> bool {
        self.bitmap & bit(slot) != 0
    }

    /// How many filled slots stand before `slot`.
    fn rank(&self, slot: u32) -> usize {
        (self.bitmap & (bit(slot) - 1)).count_ones() as usize
    }
}

/// Takes items in ascending order of distinct slots.
impl<T> FromIterator<(u32, T)> for Slots<T> {
    fn from_iter<I: IntoIterator<Item = (u32, T)>>(pairs: I) -> Self {
        let mut bitmap = 0;
        let mut items = Vec::with_capacity(SLOTS);
        for (slot, item) in pairs {
            debug_assert!(bitmap < bit(slot), "slot {slot} is out of order");
            bitmap |= bit(slot);
            items.push(item);
        }
        Self { bitmap, items: items.into_boxed_slice() }
    }
}

/// Iterator over the filled slots, ascending.
pub(crate) struct Iter<'a, T> {
    bitmap: u16,
    items: slice::Iter<'a, T>,
}

impl<T> Default for Iter<'_, T> {
    fn default() -> Self {
        Self { bitmap: 0, items: slice::Iter::default() }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (u32, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.items.next()?;
        let slot = self.bitmap.trailing_zeros();
        self.bitmap &= !bit(slot);
        Some((slot, item))
    }
}
