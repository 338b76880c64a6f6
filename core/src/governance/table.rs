//! Dense tables with typed indexes.
//!
//! Inside the engine a thing is named by its place in a table, four bytes instead of an id of 32.
//! An index is only ever made by the table that it indexes, and tables only grow.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::{Index, IndexMut};

/// An index into a table of its own kind.
pub trait Key: Copy {
    /// The place as a number.
    fn place(self) -> u32;
    /// The index of a place.
    fn at(place: u32) -> Self;
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord,
            borsh::BorshSerialize, borsh::BorshDeserialize,
        )]
        pub struct $name(pub u32);

        impl Key for $name {
            fn place(self) -> u32 {
                self.0
            }

            fn at(place: u32) -> Self {
                Self(place)
            }
        }
    };
}

key!(
    /// An op of the graph, in order of its arrival here.
    Ix
);
key!(
    /// A grant.
    GrantIx
);
key!(
    /// A restriction.
    RestrictionIx
);
key!(
    /// A member or author.
    PersonIx
);
key!(
    /// A group that some op created.
    GroupIx
);
key!(
    /// A slot that some op wrote.
    SlotIx
);
key!(
    /// An invitation that some op used or revoked.
    InvitationIx
);
key!(
    /// A chain of the chain cover ([`super::reach`]).
    ChainIx
);

impl GroupIx {
    /// The root group: the first that the genesis makes.
    pub const ROOT: Self = Self(0);
}

/// A table that only grows.
#[derive(Clone, Debug)]
pub struct Table<K, T> {
    rows: Vec<T>,
    kind: PhantomData<K>,
}

impl<K, T> Default for Table<K, T> {
    fn default() -> Self {
        Self { rows: Vec::new(), kind: PhantomData }
    }
}

impl<K: Key, T> Table<K, T> {
    /// Number of rows.
    pub fn len(&self) -> u32 {
        // A table of four thousand million rows does not fit in memory.
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Appends a row and names its place.
    pub fn push(&mut self, row: T) -> K {
        let key = K::at(self.len());
        self.rows.push(row);
        key
    }

    /// Makes room for so many rows to come.
    pub fn reserve(&mut self, rows: usize) {
        self.rows.reserve_exact(rows);
    }

    /// The row, where there is one.
    pub fn get(&self, key: K) -> Option<&T> {
        self.rows.get(key.place() as usize)
    }

    /// Every row with its index, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        (0..).map(K::at).zip(self.rows.iter())
    }

    /// Every index, in order of arrival.
    pub fn keys(&self) -> impl Iterator<Item = K> + use<K, T> {
        (0..self.len()).map(K::at)
    }
}

impl<K: Key, T> Index<K> for Table<K, T> {
    type Output = T;

    #[expect(clippy::indexing_slicing, reason = "indexes come from this table, which only grows")]
    fn index(&self, key: K) -> &T {
        &self.rows[key.place() as usize]
    }
}

impl<K: Key, T> IndexMut<K> for Table<K, T> {
    #[expect(clippy::indexing_slicing, reason = "indexes come from this table, which only grows")]
    fn index_mut(&mut self, key: K) -> &mut T {
        &mut self.rows[key.place() as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_the_key_it_got_and_by_no_other() {
        let mut table: Table<Ix, u8> = Table::default();
        assert!(table.is_empty() && table.get(Ix(0)).is_none());
        assert_eq!((table.push(5), table.push(6)), (Ix(0), Ix(1)));
        table[Ix(1)] += 1;
        assert_eq!((table.len(), table.is_empty()), (2, false));
        assert_eq!(
            (table.get(Ix(0)), table.get(Ix(1)), table.get(Ix(2))),
            (Some(&5), Some(&7), None)
        );
        assert!(table.iter().eq([(Ix(0), &5), (Ix(1), &7)]));
        assert!(table.keys().eq([Ix(0), Ix(1)]));
    }
}
