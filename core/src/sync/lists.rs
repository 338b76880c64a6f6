//! Lists of ops that are being served (NET-45): made once, read page by page.

use crate::governance::table::Ix;
use crate::id::{MemberId, NamespaceId, PeerKey};
use crate::limits::{
    LIST_DONE_MS, LIST_IDLE_MS, LIST_KEPT_MS, LISTS_MAX, LISTS_PER_PEER_MAX, PAGE_OPS_MAX,
};
use crate::settings::Share;
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
    /// How much room there is.
    pub share: Share,
}

#[derive(Clone, Debug)]
struct List {
    key: ListKey,
    reader: Reader,
    ops: Vec<Ix>,
    read: MonoMillis,
    expires: MonoMillis,
}

/// All caches are equal: what they hold shows in nothing but how soon a peer is served.
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
        list.read = now;
        list.expires = now.plus(if is_end { LIST_DONE_MS } else { LIST_IDLE_MS });
        let page = cut(&list.ops, from, count);
        self.lists.push(list);
        Some(page)
    }

    /// Whether there is a place for one more list, if need be by dropping another: of the same
    /// peer, if that has its two; else of one who is no member; else of a member that has several
    /// (NET-45). To make a list costs as much as it is long, so none that is being read is dropped
    /// for another, unless a member needs the place of a stranger.
    pub fn make_room(&mut self, peer: PeerKey, reader: Reader, now: MonoMillis) -> bool {
        let lists = &self.lists;
        let is_left = |list: &List| now.since(list.read) >= LIST_KEPT_MS;
        let of_peer = |list: &List| list.key.peer == peer;
        let of_stranger =
            |list: &List| !list.reader.has_standing && (reader.has_standing || is_left(list));
        let of_several = |list: &List| {
            let own = lists.iter().filter(|other| other.reader.member == list.reader.member);
            own.count() > 1 && is_left(list)
        };
        let dropped = if lists.iter().filter(|list| of_peer(list)).count() >= LISTS_PER_PEER_MAX {
            lists.iter().position(|list| of_peer(list) && is_left(list))
        } else if lists.len() < self.share.of(LISTS_MAX) {
            return true;
        } else {
            lists.iter().position(of_stranger).or_else(|| lists.iter().position(of_several))
        };
        dropped.map(|at| self.lists.remove(at)).is_some()
    }

    /// Keeps a list that was made, in a place that was made for it.
    pub fn keep(&mut self, key: ListKey, reader: Reader, ops: Vec<Ix>, now: MonoMillis) {
        self.lists.push(List { key, reader, ops, read: now, expires: now.plus(LIST_IDLE_MS) });
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

/// A page of a list: so many ops of it behind the first `from`.
pub fn cut(ops: &[Ix], from: u64, count: u32) -> Page {
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
        fn has(&self, peer: u8, digest: u8) -> bool {
            self.lists.iter().any(|list| list.key == key(peer, digest))
        }

        /// Reads on in a list, or makes it: whether there is a place for it.
        fn get(&mut self, peer: u8, digest: u8, has_standing: bool, ms: u64) -> bool {
            let (key, reader, now) =
                (key(peer, digest), reader(peer, has_standing), MonoMillis(ms));
            let is_kept = self.read(&key, 0, 1, now).is_some();
            let has_place = is_kept || self.make_room(key.peer, reader, now);
            if has_place && !is_kept {
                self.keep(key, reader, list(600), now);
            }
            has_place
        }
    }

    #[test]
    fn net_43_a_list_is_made_once_and_read_page_by_page() {
        let mut lists = Lists::default();
        assert_eq!(lists.read(&key(1, 1), 0, 512, NOW), None);
        lists.keep(key(1, 1), reader(1, true), list(1300), NOW);
        assert_eq!(lists.read(&key(1, 1), 0, 512, NOW), Some((list(512), 1300)));
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
        assert!(lists.get(1, 0, true, 0) && lists.get(1, 1, true, 1));
        assert!(!lists.get(1, 2, true, LIST_KEPT_MS - 1), "both are being read");
        assert!(lists.get(1, 0, true, LIST_KEPT_MS));
        assert!(!lists.get(1, 2, true, LIST_KEPT_MS));
        assert!(lists.get(1, 2, true, LIST_KEPT_MS + 1));
        assert_eq!([0, 1, 2].map(|digest| lists.has(1, digest)), [true, false, true]);
    }

    #[test]
    fn net_45_who_is_no_member_makes_room_first_and_then_a_member_with_several() {
        let mut lists = Lists::default();
        // Fourteen lists of members, one of whom has two, and two of strangers.
        for peer in 0..13 {
            assert!(lists.get(peer, 0, true, 0));
        }
        assert!(lists.get(3, 1, true, 0));
        assert!(lists.get(100, 0, false, 0) && lists.get(101, 0, false, 0));
        assert_eq!(lists.len(), LISTS_MAX);
        // The stranger that read last stays longest.
        assert!(lists.get(100, 0, false, 1));
        assert!(lists.get(50, 0, true, 1));
        assert!(lists.has(100, 0) && !lists.has(101, 0));
        // Strangers take places from each other, and not from one who reads.
        assert!(!lists.get(102, 0, false, LIST_KEPT_MS - 1));
        assert!(lists.get(102, 0, false, LIST_KEPT_MS + 1));
        assert!(lists.has(102, 0) && !lists.has(100, 0));
        assert!(lists.get(51, 0, true, LIST_KEPT_MS + 1));
        assert!(!lists.has(102, 0));
        // No stranger is left: the list of the two that was read longest ago.
        assert!(lists.get(52, 0, true, LIST_KEPT_MS + 1));
        assert!(lists.has(3, 1) && !lists.has(3, 0));
        // Sixteen members with one each: the next one has to wait, and so has a stranger.
        assert!(!lists.get(53, 0, true, LIST_IDLE_MS - 1));
        assert!(!lists.get(103, 0, false, LIST_IDLE_MS - 1));
        assert!((0..13).all(|peer| lists.has(peer, u8::from(peer == 3))));
    }

    #[test]
    fn net_45_many_connections_of_one_member_count_as_one() {
        let mut lists = Lists::default();
        let one = reader(9, true);
        for peer in 0..16 {
            assert!(lists.make_room(PeerKey([peer; 32]), one, NOW));
            lists.keep(key(peer, 0), one, list(600), NOW);
        }
        assert!((50..60).all(|peer| lists.get(peer, 0, true, LIST_KEPT_MS)));
        assert_eq!(lists.len(), LISTS_MAX);
    }

    #[test]
    fn net_45_however_many_ask_few_lists_are_made_in_a_second() {
        let mut lists = Lists::default();
        let mut made = 0;
        // A hundred strangers and as many members, each of whom wants three lists at once.
        for ms in 0..LIST_KEPT_MS {
            let [peer, digest] = [ms % 200, ms % 3].map(|number| u8::try_from(number).unwrap());
            let is_kept = lists.has(peer, digest);
            made += usize::from(lists.get(peer, digest, peer < 100, ms) && !is_kept);
        }
        assert!(made <= 2 * LISTS_MAX, "{made}");
    }

    #[test]
    fn net_45_an_idle_list_is_dropped_after_thirty_seconds_and_a_served_one_after_five() {
        for (from, until) in [(0, LIST_IDLE_MS), (512, LIST_DONE_MS)] {
            for (at, kept) in [(until - 1, true), (until, false), (until + 1, false)] {
                let mut lists = Lists::default();
                lists.keep(key(1, 1), reader(1, true), list(600), NOW);
                lists.read(&key(1, 1), from, 512, NOW);
                let page = lists.read(&key(1, 1), 0, 1, MonoMillis(at));
                assert_eq!(page.is_some(), kept, "{at}");
            }
        }
    }
}
