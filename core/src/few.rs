//! Lists that are mostly empty or have one item, without an allocation in these cases.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;

/// Items in the order of their arrival; two words large for items of up to twelve bytes.
///
/// There is one for each member in several tables, where the three words of a vector and the
/// allocation behind it would be most of what a member takes.
#[derive(Clone, Debug, Default)]
pub enum Few<T> {
    /// No item.
    #[default]
    None,
    /// One item.
    One([T; 1]),
    /// Any number of them; a vector without the box would make every list larger.
    Many(Box<Vec<T>>),
}

impl<T> Few<T> {
    /// Appends an item.
    pub fn push(&mut self, item: T) {
        *self = match core::mem::take(self) {
            Self::None => Self::One([item]),
            Self::One([first]) => Self::Many(Box::new(Vec::from([first, item]))),
            Self::Many(mut items) => {
                items.push(item);
                Self::Many(items)
            }
        };
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(item) => item,
            Self::Many(items) => items,
        }
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Items in the order of their arrival, mostly none: one word large.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::box_collection, reason = "a vector without the box would take three words")]
pub struct Rare<T>(Option<Box<Vec<T>>>);

impl<T> Rare<T> {
    /// No item.
    pub const NONE: Self = Self(None);

    /// Appends an item.
    pub fn push(&mut self, item: T) {
        self.0.get_or_insert_default().push(item);
    }

    /// The items, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.0.as_mut().map_or(&mut [], |items| items)
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<T> Deref for Rare<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_ref().map_or(&[], |items| items)
    }
}

impl<'a, T> IntoIterator for &'a Rare<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Equal items in equal order, however they are kept.
impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stay_in_order_and_compare_by_content() {
        let (mut few, mut rare) = (Few::default(), Rare::NONE);
        for count in 0..5_u32 {
            assert!(few.iter().copied().eq(0..count) && *few == *rare);
            few.push(count);
            rare.push(count);
        }
        let boxed: Few<u32> = Few::Many(Box::new(Vec::from([7])));
        assert_eq!(boxed, Few::One([7]));
        assert_ne!(boxed, Few::None);
    }

    #[test]
    fn a_list_of_small_items_takes_two_words_or_one() {
        assert_eq!(size_of::<Rare<[u64; 9]>>(), 8);
        assert_eq!(size_of::<Few<u32>>(), 16);
        assert_eq!(size_of::<Few<[u32; 3]>>(), 16);
    }
}
