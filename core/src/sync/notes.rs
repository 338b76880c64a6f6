//! What is remembered of peers between exchanges: who was just asked, and who lied.

use crate::id::PeerKey;
use crate::limits::{PEER_NOTES_MAX, PULL_EVERY_MS, SHUN_MS};
use crate::settings::Share;
use crate::time::MonoMillis;
use alloc::collections::BTreeMap;
use borsh::{BorshDeserialize, BorshSerialize};

/// Notes on peers, bounded. They outlast a connection and a subscription, or whoever comes back
/// would be met for the first time each time.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Notes {
    by_peer: BTreeMap<PeerKey, Note>,
    /// How much room there is.
    #[borsh(skip)]
    pub share: Share,
}

/// Notes on one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Note {
    /// When the last exchange with it began.
    pub began: Option<MonoMillis>,
    /// When it last asked for our heads, to go on from there.
    pub asked_us: Option<MonoMillis>,
    /// When it was last asked for what is missing.
    pub asked_missing: Option<MonoMillis>,
    /// When an exchange with it last came to nothing.
    pub failed: Option<MonoMillis>,
    /// During an exchange with it, somebody said that it has more.
    pub again: bool,
    /// It lied: no exchange until then.
    shunned_until: Option<MonoMillis>,
    /// What it has does not fit here: it is not pulled from until then.
    spared_until: Option<MonoMillis>,
}

impl Note {
    /// Until when it makes a difference for a peer that is gone and comes back.
    fn matters_until(&self) -> Option<MonoMillis> {
        let after = |at: Option<MonoMillis>, ms| at.map(|at: MonoMillis| at.plus(ms));
        let began = after(self.began.max(self.asked_missing), PULL_EVERY_MS);
        self.shunned_until.max(self.spared_until).max(after(self.failed, SHUN_MS)).max(began)
    }
}

/// Whether less than `ms` have passed since something happened.
pub fn is_recent(at: Option<MonoMillis>, ms: u64, now: MonoMillis) -> bool {
    at.is_some_and(|at| now.since(at) < ms)
}

fn is_before(until: Option<MonoMillis>, now: MonoMillis) -> bool {
    until.is_some_and(|until| now < until)
}

impl Notes {
    /// The notes on a peer.
    pub fn of(&self, peer: &PeerKey) -> Note {
        self.by_peer.get(peer).cloned().unwrap_or_default()
    }

    /// How many peers there are notes on.
    pub fn len(&self) -> usize {
        self.by_peer.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }

    /// The notes on a peer, to be changed. Those that matter for the shortest time make room, and
    /// those by which a pull is owed do so last.
    pub fn entry(&mut self, peer: PeerKey) -> &mut Note {
        let most = self.share.of(PEER_NOTES_MAX);
        if self.by_peer.len() >= most && !self.by_peer.contains_key(&peer) {
            let notes = self.by_peer.iter();
            let least = notes.min_by_key(|(_, note)| (note.again, note.matters_until()));
            if let Some(least) = least.map(|(peer, _)| *peer) {
                self.by_peer.remove(&least);
            }
        }
        self.by_peer.entry(peer).or_default()
    }

    /// A peer lied: nothing is asked of it for a while (NET-21).
    pub fn shun(&mut self, peer: PeerKey, now: MonoMillis) {
        self.entry(peer).shunned_until = Some(now.plus(SHUN_MS));
    }

    /// A peer has what cannot be stored here: it is left alone for a while.
    pub fn spare(&mut self, peer: PeerKey, now: MonoMillis) {
        self.entry(peer).spared_until = Some(now.plus(SHUN_MS));
    }

    /// Whether a peer lied lately.
    pub fn is_shunned(&self, peer: &PeerKey, now: MonoMillis) -> bool {
        self.by_peer.get(peer).is_some_and(|note| is_before(note.shunned_until, now))
    }

    /// Whether a pull from a peer would bring nothing that fits.
    pub fn is_spared(&self, peer: &PeerKey, now: MonoMillis) -> bool {
        let spared = |note: &Note| is_before(note.spared_until, now);
        self.is_shunned(peer, now) || self.by_peer.get(peer).is_some_and(spared)
    }

    /// Whether a peer failed lately, so that another is better.
    pub fn is_doubtful(&self, peer: &PeerKey, now: MonoMillis) -> bool {
        self.is_spared(peer, now) || is_recent(self.of(peer).failed, SHUN_MS, now)
    }

    /// Whether another exchange with a peer was called for during the last; asked once.
    pub fn take_again(&mut self, peer: &PeerKey) -> bool {
        self.by_peer.get_mut(peer).is_some_and(|note| core::mem::take(&mut note.again))
    }

    /// When a peer may be pulled from again (NET-12); `None` for now.
    pub fn pull_after(&self, peer: &PeerKey, now: MonoMillis) -> Option<MonoMillis> {
        let next = self.of(peer).began?.plus(PULL_EVERY_MS);
        (next > now).then_some(next)
    }

    /// A peer is gone. What came of exchanges with it is remembered for as long as it matters; what
    /// it was about to do is over.
    pub fn leave(&mut self, peer: &PeerKey, now: MonoMillis) {
        let Some(note) = self.by_peer.get_mut(peer) else { return };
        (note.again, note.asked_us) = (false, None);
        if !is_before(note.matters_until(), now) {
            self.by_peer.remove(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerKey = PeerKey([1; 32]);

    #[test]
    fn attack_32_a_liar_is_shunned_for_thirty_seconds_and_over_a_reconnection() {
        let mut notes = Notes::default();
        notes.shun(PEER, MonoMillis(10));
        notes.leave(&PEER, MonoMillis(20));
        for (at, shunned) in [(20, true), (30_009, true), (30_010, false), (30_011, false)] {
            assert_eq!(notes.is_shunned(&PEER, MonoMillis(at)), shunned, "{at}");
        }
        notes.leave(&PEER, MonoMillis(30_010));
        assert_eq!(notes, Notes::default());
    }

    #[test]
    fn net_12_coming_back_makes_no_new_peer() {
        let at = Some(MonoMillis(10));
        let until = Some(MonoMillis(30_010));
        for (note, kept_ms) in [
            (Note { began: at, ..Note::default() }, 1_000),
            (Note { asked_missing: at, ..Note::default() }, 1_000),
            (Note { failed: at, ..Note::default() }, 30_000),
            (Note { spared_until: until, ..Note::default() }, 30_000),
            (Note { shunned_until: until, ..Note::default() }, 30_000),
        ] {
            for (after, kept) in [(kept_ms - 1, true), (kept_ms, false), (kept_ms + 1, false)] {
                let mut notes = Notes::default();
                *notes.entry(PEER) = Note { again: true, asked_us: at, ..note.clone() };
                notes.leave(&PEER, MonoMillis(10 + after));
                let expected = if kept { note.clone() } else { Note::default() };
                assert_eq!(notes.of(&PEER), expected, "{note:?} after {after}");
            }
        }
    }

    #[test]
    fn net_12_a_peer_is_pulled_from_once_a_second() {
        let mut notes = Notes::default();
        assert_eq!(notes.pull_after(&PEER, MonoMillis(5)), None);
        notes.entry(PEER).began = Some(MonoMillis(5));
        assert_eq!(notes.pull_after(&PEER, MonoMillis(1004)), Some(MonoMillis(1005)));
        assert_eq!(notes.pull_after(&PEER, MonoMillis(1005)), None);
    }

    fn numbered(number: u64) -> PeerKey {
        let mut peer = [0; 32];
        peer[..8].copy_from_slice(&number.to_be_bytes());
        PeerKey(peer)
    }

    #[test]
    fn net_3_notes_are_bounded_and_many_new_keys_push_no_liar_out() {
        let mut notes = Notes::default();
        let liar = numbered(0);
        notes.shun(liar, MonoMillis(0));
        for number in 1..2 * PEER_NOTES_MAX as u64 {
            notes.entry(numbered(number)).began = Some(MonoMillis(number));
        }
        assert_eq!(notes.by_peer.len(), PEER_NOTES_MAX);
        assert!(notes.is_shunned(&liar, MonoMillis(2048)));
    }

    #[test]
    fn net_12_a_pull_that_is_owed_is_not_forgotten_for_want_of_room() {
        let mut notes = Notes::default();
        let owed = numbered(0);
        notes.entry(owed).again = true;
        for number in 1..2 * PEER_NOTES_MAX as u64 {
            notes.entry(numbered(number)).began = Some(MonoMillis(number));
        }
        assert_eq!(notes.by_peer.len(), PEER_NOTES_MAX);
        assert!(notes.take_again(&owed) && !notes.take_again(&owed));
    }
}
