//! Lists of ops that are being served (NET-45): made once, read page by page.

use crate::governance::table::Ix;
use crate::id::{MemberId, NamespaceId, PeerKey};
use crate::limits::{LIST_DONE_MS, LIST_IDLE_MS, LISTS_MAX, LISTS_PER_PEER_MAX, PAGE_OPS_MAX};
use crate::time::MonoMillis;
use alloc::vec::Vec;

/// Names a list: to whom, where, and the digest of what is wanted and had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListKey {
    /// Who is served.
    pub peer: PeerKey,
    /// Where.
    pub namespace: NamespaceId,
    /// Of what is wanted and had.
    pub digest: [u8; 32],
}

/// Who reads a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// As whom it takes part, however many connections it has.
    pub member: MemberId,
    /// Whether it is a member now, and not a former one, or one who holds an invitation.
    pub has_standing: bool,
}

/// A page of a list, and the length of the whole.
pub type Page = (Vec<Ix>, u64);

/// The lists, of all namespaces. A cache: what it forgets is made again.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// The one that was read longest ago comes first.
    lists: Vec<List>,
}

#[derive(Clone, Debug)]
struct List {
    key: ListKey,
    reader: Reader,
    ops: Vec<Ix>,
    expires: MonoMillis,
}

/// All caches are equal: what they hold shows in nothing but who hears `Busy`.
impl PartialEq for Lists {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Lists {}

impl Lists {
    /// A page of a list that is kept.
    pub fn read(&mut self, key: &ListKey, from: u64, count: u32, now: MonoMillis) -> Option<Page> {
        self.lists.retain(|list| now < list.expires);
        let at = self.lists.iter().position(|list| list.key == *key)?;
        let mut list = self.lists.remove(at);
        let is_end = from.saturating_add(u64::from(count)) >= list.ops.len() as u64;
        list.expires = now.plus(if is_end { LIST_DONE_MS } else { LIST_IDLE_MS });
        let page = cut(&list.ops, from, count);
        self.lists.push(list);
        Some(page)
    }

    /// The same of a list that was just made, which is kept where it has more than one page; `None`
    /// where there is no place for it (NET-45).
    pub fn add(
        &mut self,
        key: ListKey,
        reader: Reader,
        ops: Vec<Ix>,
        (from, count): (u64, u32),
        now: MonoMillis,
    ) -> Option<Page> {
        let page = cut(&ops, from, count);
        if ops.len() > PAGE_OPS_MAX {
            self.make_room(&key)?;
            self.lists.push(List { key, reader, ops, expires: now.plus(LIST_IDLE_MS) });
        }
        Some(page)
    }

    /// Makes a place for a list, where there is none, by dropping one: of the same peer, if that
    /// has its two; else of one who is no member; else of a member that has several.
    fn make_room(&mut self, key: &ListKey) -> Option<()> {
        let lists = &self.lists;
        let of_peer = |list: &List| list.key.peer == key.peer;
        let is_one_of_several = |list: &List| {
            lists.iter().filter(|other| other.reader.member == list.reader.member).count() > 1
        };
        let dropped = if lists.iter().filter(|list| of_peer(list)).count() >= LISTS_PER_PEER_MAX {
            lists.iter().position(of_peer)?
        } else if lists.len() < LISTS_MAX {
            return Some(());
        } else {
            let of_stranger = lists.iter().position(|list| !list.reader.has_standing);
            of_stranger.or_else(|| lists.iter().position(is_one_of_several))?
        };
        self.lists.remove(dropped);
        Some(())
    }

    /// Number of lists.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }
}

fn cut(ops: &[Ix], from: u64, count: u32) -> (Vec<Ix>, u64) {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(PAGE_OPS_MAX);
    let page = ops.iter().skip(from).take(count).copied().collect();
    (page, ops.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: MonoMillis = MonoMillis(0);

    fn key(peer: u8, digest: u8) -> ListKey {
        let namespace = NamespaceId::default();
        ListKey { peer: PeerKey([peer; 32]), namespace, digest: [digest; 32] }
    }

    fn list(count: u32) -> Vec<Ix> {
        (0..count).map(Ix).collect()
    }

    /// The member behind a peer of the same number.
    fn reader(peer: u8, has_standing: bool) -> Reader {
        Reader { member: MemberId([peer; 32]), has_standing }
    }

    impl Lists {
        fn has(&mut self, peer: u8, digest: u8) -> bool {
            self.lists.iter().any(|list| list.key == key(peer, digest))
        }

        /// Reads on in a list, or makes it: whether there is a place for it.
        fn get(&mut self, peer: u8, digest: u8, has_standing: bool) -> bool {
            let key = key(peer, digest);
            let reader = reader(peer, has_standing);
            self.read(&key, 0, 1, NOW).is_some()
                || self.add(key, reader, list(600), (0, 1), NOW).is_some()
        }
    }

    #[test]
    fn net_43_a_list_is_made_once_and_read_page_by_page() {
        let mut lists = Lists::default();
        assert_eq!(lists.read(&key(1, 1), 0, 512, NOW), None);
        let first = lists.add(key(1, 1), reader(1, true), list(1300), (0, 512), NOW);
        assert_eq!(first, Some((list(512), 1300)));
        let last = lists.read(&key(1, 1), 1024, 512, NOW).unwrap();
        assert_eq!((last.0.len(), last.1), (276, 1300));
        let behind = lists.read(&key(1, 1), 1300, 512, NOW).unwrap();
        assert_eq!(behind, (Vec::new(), 1300));
        let many = lists.read(&key(1, 1), 0, u32::MAX, NOW).unwrap();
        assert_eq!(many.0.len(), PAGE_OPS_MAX);
    }

    #[test]
    fn net_45_a_third_list_of_a_peer_takes_the_place_of_the_one_that_it_left() {
        let mut lists = Lists::default();
        for digest in [0, 1, 0, 2] {
            assert!(lists.get(1, digest, true));
        }
        assert_eq!([0, 1, 2].map(|digest| lists.has(1, digest)), [true, false, true]);
    }

    #[test]
    fn net_45_who_is_no_member_makes_room_first_and_then_a_member_with_several() {
        let mut lists = Lists::default();
        // Fourteen lists of members, one of whom has two, and two of strangers.
        for peer in 0..13 {
            assert!(lists.get(peer, 0, true));
        }
        assert!(lists.get(3, 1, true));
        assert!(lists.get(100, 0, false) && lists.get(101, 0, false));
        assert_eq!(lists.len(), LISTS_MAX);
        // The stranger that read last stays longest.
        assert!(lists.get(100, 0, false));
        assert!(lists.get(50, 0, true));
        assert!(lists.has(100, 0) && !lists.has(101, 0));
        // Strangers take places from each other.
        assert!(lists.get(102, 0, false));
        assert!(lists.has(102, 0) && !lists.has(100, 0));
        assert!(lists.get(51, 0, true));
        assert!(!lists.has(102, 0));
        // No stranger is left: the list of the two that was read longest ago.
        assert!(lists.get(52, 0, true));
        assert!(lists.has(3, 1) && !lists.has(3, 0));
        // Sixteen members with one each: the next one has to wait, and so has a stranger.
        assert!(!lists.get(53, 0, true) && !lists.get(103, 0, false));
        assert!((0..13).all(|peer| lists.has(peer, u8::from(peer == 3))));
    }

    #[test]
    fn net_45_many_connections_of_one_member_count_as_one() {
        let mut lists = Lists::default();
        let one = reader(9, true);
        for peer in 0..16 {
            assert!(lists.add(key(peer, 0), one, list(600), (0, 1), NOW).is_some());
        }
        assert!((50..60).all(|peer| lists.get(peer, 0, true)));
        assert_eq!(lists.len(), LISTS_MAX);
    }

    #[test]
    fn net_45_an_idle_list_is_dropped_after_thirty_seconds_and_a_served_one_after_five() {
        for (from, until) in [(0, LIST_IDLE_MS), (512, LIST_DONE_MS)] {
            for (at, kept) in [(until - 1, true), (until, false), (until + 1, false)] {
                let mut lists = Lists::default();
                lists.add(key(1, 1), reader(1, true), list(600), (0, 512), NOW);
                lists.read(&key(1, 1), from, 512, NOW);
                let page = lists.read(&key(1, 1), 0, 1, MonoMillis(at));
                assert_eq!(page.is_some(), kept, "{at}");
            }
        }
    }

    #[test]
    fn net_45_what_fits_one_page_needs_no_place() {
        let mut lists = Lists::default();
        for peer in 0..16 {
            assert!(lists.get(peer, 0, true));
        }
        let short = lists.add(key(99, 1), reader(99, false), list(512), (0, 512), NOW);
        assert_eq!(short, Some((list(512), 512)));
        assert_eq!(lists.len(), LISTS_MAX);
        assert!(!lists.has(99, 1));
    }
}
