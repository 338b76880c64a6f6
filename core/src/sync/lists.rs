//! Lists of ops that are being served (NET-45): made once, read page by page.

use crate::governance::table::Ix;
use crate::id::{NamespaceId, PeerKey};
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

/// The lists, of all namespaces. A cache: what it forgets is made again.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    lists: Vec<List>,
}

#[derive(Clone, Debug)]
struct List {
    key: ListKey,
    ops: Vec<Ix>,
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
    /// A page of a list and the length of the whole; `None` where there are too many lists already
    /// (NET-45). A list of one page is not kept.
    pub fn page(
        &mut self,
        key: ListKey,
        from: u64,
        count: u32,
        now: MonoMillis,
        make: impl FnOnce() -> Vec<Ix>,
    ) -> Option<(Vec<Ix>, u64)> {
        self.lists.retain(|list| now < list.expires);
        if let Some(list) = self.lists.iter_mut().find(|list| list.key == key) {
            let is_end = from.saturating_add(u64::from(count)) >= list.ops.len() as u64;
            list.expires = now.plus(if is_end { LIST_DONE_MS } else { LIST_IDLE_MS });
            return Some(cut(&list.ops, from, count));
        }
        let own = self.lists.iter().filter(|list| list.key.peer == key.peer).count();
        if own >= LISTS_PER_PEER_MAX || self.lists.len() >= LISTS_MAX {
            return None;
        }
        let ops = make();
        let page = cut(&ops, from, count);
        if ops.len() > PAGE_OPS_MAX {
            self.lists.push(List { key, ops, expires: now.plus(LIST_IDLE_MS) });
        }
        Some(page)
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

    #[test]
    fn net_43_a_list_is_made_once_and_read_page_by_page() {
        let mut lists = Lists::default();
        let first = lists.page(key(1, 1), 0, 512, NOW, || list(1300)).unwrap();
        assert_eq!(first, (list(512), 1300));
        let last = lists.page(key(1, 1), 1024, 512, NOW, || unreachable!()).unwrap();
        assert_eq!((last.0.len(), last.1), (276, 1300));
        let behind = lists.page(key(1, 1), 1300, 512, NOW, || unreachable!()).unwrap();
        assert_eq!(behind, (Vec::new(), 1300));
        let many = lists.page(key(1, 1), 0, u32::MAX, NOW, || unreachable!()).unwrap();
        assert_eq!(many.0.len(), PAGE_OPS_MAX);
    }

    #[test]
    fn net_45_two_lists_for_a_peer_and_sixteen_in_all() {
        let mut lists = Lists::default();
        for peer in 0..8 {
            for digest in 0..2 {
                assert!(lists.page(key(peer, digest), 0, 1, NOW, || list(600)).is_some());
            }
            let third = lists.page(key(peer, 2), 0, 1, NOW, || unreachable!());
            assert_eq!(third, None);
        }
        assert_eq!(lists.page(key(9, 0), 0, 1, NOW, || unreachable!()), None);
        assert_eq!(lists.len(), LISTS_MAX);
    }

    #[test]
    fn net_45_an_idle_list_is_dropped_after_thirty_seconds_and_a_served_one_after_five() {
        for (from, until) in [(0, LIST_IDLE_MS), (512, LIST_DONE_MS)] {
            for (at, kept) in [(until - 1, true), (until, false), (until + 1, false)] {
                let mut lists = Lists::default();
                lists.page(key(1, 1), 0, 512, NOW, || list(600));
                lists.page(key(1, 1), from, 512, NOW, || list(600));
                let mut made = false;
                lists.page(key(1, 1), 0, 1, MonoMillis(at), || {
                    made = true;
                    list(600)
                });
                assert_eq!(made, !kept, "{at}");
            }
        }
    }

    #[test]
    fn net_45_what_fits_one_page_is_not_kept() {
        let mut lists = Lists::default();
        assert_eq!(lists.page(key(1, 1), 0, 512, NOW, || list(512)).unwrap().1, 512);
        assert!(lists.is_empty());
    }
}
