//! Finding the row of a table by the id in it.

use crate::governance::table::{Key, Table};
use crate::id::Id;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

/// The places of ids in a table whose rows hold them.
///
/// An id is found by its first eight bytes, a quarter of the memory to keep and to walk through;
/// the row tells whether it is the one. Ids that begin alike do not happen by themselves, but
/// somebody may look for some: all but the first of them are kept whole.
#[derive(Clone, Debug)]
pub(super) struct Names<I, K> {
    heads: BTreeMap<u64, K>,
    others: BTreeMap<I, K>,
}

impl<I, K> Default for Names<I, K> {
    fn default() -> Self {
        Self { heads: BTreeMap::new(), others: BTreeMap::new() }
    }
}

impl<I: Id, K: Key> Names<I, K> {
    /// The row of an id; `id_of` reads that of any row.
    pub(super) fn find<T>(
        &self,
        id: &I,
        table: &Table<K, T>,
        id_of: impl Fn(&T) -> &I,
    ) -> Option<K> {
        let first = *self.heads.get(&id.head())?;
        if id_of(&table[first]) == id { Some(first) } else { self.others.get(id).copied() }
    }

    /// Enters an id that is not there yet.
    pub(super) fn enter(&mut self, id: I, place: K) {
        match self.heads.entry(id.head()) {
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
            Entry::Occupied(_) => {
                self.others.insert(id, place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::table::PersonIx;
    use crate::id::MemberId;

    #[test]
    fn ids_that_begin_alike_are_told_apart() {
        let id = |first: u8, last: u8| {
            let mut bytes = [0; 32];
            (bytes[7], bytes[31]) = (first, last);
            MemberId(bytes)
        };
        let mut table: Table<PersonIx, MemberId> = Table::default();
        let mut names = Names::default();
        let known = [id(1, 0), id(1, 1), id(2, 0), id(1, 2), id(2, 2)];
        for id in known {
            let place = table.push(id);
            names.enter(id, place);
        }
        let find = |id: MemberId| names.find(&id, &table, |row| row);
        for (place, id) in (0..).map(PersonIx).zip(known) {
            assert_eq!(find(id), Some(place));
        }
        for unknown in [id(0, 0), id(1, 3), id(2, 1), id(3, 0)] {
            assert_eq!(find(unknown), None);
        }
    }
}
