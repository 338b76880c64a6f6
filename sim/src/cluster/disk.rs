//! The disk of a node: what is synced stays, what is not may be lost in a crash.
//!
//! As the real store does, it keeps a batch of records whole or not at all.

use super::life::Life;
use super::marks::Marks;
use folkmoot_core::command::Shortage;
use folkmoot_core::record::{self, Stored};
use folkmoot_core::time::MonoMillis;
use folkmoot_effects::driver::{RecoverError, Recovered, recover_from};
use folkmoot_effects::ports::{Bodies, Log};
use folkmoot_effects::store::{Seq, Snapshot, StoreError};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Snapshots that are kept, as in the real store.
const SNAPSHOTS_MAX: usize = 2;

/// What a crash leaves of the batches that were written and not synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tail {
    /// All of them.
    Kept,
    /// None.
    #[default]
    Lost,
    /// All but the last, of which a part was written.
    Torn,
}

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing.
    #[default]
    Nothing,
    /// The next sync fails; what becomes of what was written shows after the crash.
    Sync,
    /// There is no room.
    Full,
    /// There is less room than is kept in reserve.
    Short,
    /// A sync says that it is done, and nothing is synced: a planted bug.
    Forgets,
    /// A crash takes the last record, synced or not: a planted bug.
    Loses,
    /// Every fifth record is written as the one before it: a planted bug.
    Misdirects,
    /// Stored ops cannot be read, until the process ends.
    Unreadable,
    /// A bit of every snapshot turns over, and nobody notices: a planted bug.
    Rots,
}

/// What becomes of the records and snapshots of a disk in a crash, for the worse.
#[derive(Clone, Copy, Debug)]
pub struct Damage(pub fn(&mut Vec<Vec<u8>>, &mut Vec<Snapshot>));

/// The disk. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    records: Vec<Vec<u8>>,
    /// Written and not synced, batch by batch.
    tail: Vec<Vec<Vec<u8>>>,
    snapshots: Vec<Snapshot>,
    wrong: Wrong,
    damage: Option<Damage>,
    sync_count: u64,
    marks: Marks,
    /// Whether nobody looks at the marks: a planted bug.
    is_markless: bool,
    /// What was there before an earlier image was put in its place.
    newest: Option<Image>,
}

/// What a disk has, for a copy.
#[derive(Clone, Debug, Default)]
struct Image {
    records: Vec<Vec<u8>>,
    snapshots: Vec<Snapshot>,
}

impl Disk {
    /// How many records are synced.
    pub fn synced(&self) -> Seq {
        self.platter().records.len() as u64
    }

    /// The records that are synced, in order; the first has number 1.
    pub fn records(&self) -> Vec<Vec<u8>> {
        self.platter().records.clone()
    }

    /// The state that each kept snapshot and the records behind it fold to, oldest first.
    ///
    /// # Errors
    ///
    /// Where a record is no event.
    pub fn snapshots(&self) -> Result<Vec<Recovered>, RecoverError> {
        let (records, snapshots) = {
            let platter = self.platter();
            (platter.records.clone(), platter.snapshots.clone())
        };
        snapshots.into_iter().map(|it| Self::fold(Some(it), records.clone())).collect()
    }

    /// How many snapshots are kept.
    pub fn snapshot_count(&self) -> usize {
        self.platter().snapshots.len()
    }

    /// How often it was synced.
    pub fn sync_count(&self) -> u64 {
        self.platter().sync_count
    }

    /// Something is wrong with it from now on, or nothing any more.
    pub fn set_wrong(&self, wrong: Wrong) {
        self.platter().wrong = wrong;
    }

    /// Every crash does this to it besides: a planted bug.
    pub fn set_damage(&self, damage: Damage) {
        self.platter().damage = Some(damage);
    }

    /// Another log is put in its place.
    pub fn replace(&self, records: Vec<Vec<u8>>) {
        *self.platter() = Platter { records, ..Platter::default() };
    }

    /// Its log becomes that of an earlier image, so many records shorter, and what its marks say
    /// stays. Nothing happens where no earlier one is behind the marks; says whether it does.
    pub(super) fn set_back(&self, records: u64) -> bool {
        let mut platter = self.platter();
        let Platter { records: log, snapshots, marks, newest, .. } = &mut *platter;
        let Some(most) = marks.least().checked_sub(1) else { return false };
        let image = Image { records: log.clone(), snapshots: snapshots.clone() };
        newest.get_or_insert(image);
        let left = (log.len() as u64).saturating_sub(records).min(most);
        log.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        snapshots.retain(|snapshot| snapshot.seq <= left);
        true
    }

    /// Whether an earlier image is in its place.
    pub fn is_set_back(&self) -> bool {
        self.platter().newest.is_some()
    }

    /// What was there before it was set back is put in its place again.
    pub(super) fn put_right(&self) {
        let mut platter = self.platter();
        if let Some(Image { records, snapshots }) = platter.newest.take() {
            (platter.records, platter.snapshots) = (records, snapshots);
        }
    }

    /// Nobody looks at the marks: a planted bug.
    pub fn ignore_marks(&self) {
        self.platter().is_markless = true;
    }

    /// The process that wrote has died.
    pub(super) fn crash(&self, tail: Tail) {
        let mut platter = self.platter();
        let mut batches = std::mem::take(&mut platter.tail);
        match tail {
            Tail::Kept => {}
            Tail::Lost => batches.clear(),
            Tail::Torn => drop(batches.pop()),
        }
        platter.records.extend(batches.into_iter().flatten());
        platter.marks.crash(tail);
        if matches!(platter.wrong, Wrong::Sync | Wrong::Unreadable) {
            platter.wrong = Wrong::Nothing;
        }
        if platter.wrong == Wrong::Loses {
            platter.records.pop();
            platter.snapshots.clear();
        }
        if let Some(Damage(spoil)) = platter.damage {
            let Platter { records, snapshots, .. } = &mut *platter;
            spoil(records, snapshots);
        }
    }

    /// The state to start from: the newest snapshot, and the records behind it.
    pub(super) fn recover(&self) -> Result<Recovered, RecoverError> {
        let (records, snapshot) = {
            let mut platter = self.platter();
            let head = platter.records.len() as u64;
            // Whoever planted a bug has changed the marks too.
            let is_planted = platter.is_markless
                || platter.damage.is_some()
                || matches!(platter.wrong, Wrong::Forgets | Wrong::Loses);
            if !is_planted {
                platter.marks.check(head)?;
            }
            platter.marks.claim(head);
            (platter.records.clone(), platter.snapshots.last().cloned())
        };
        Self::fold(snapshot, records)
    }

    /// The state that the first records of the log fold to, without snapshots.
    ///
    /// # Errors
    ///
    /// Where a record is no event.
    pub fn refold(&self, records: Seq) -> Result<Recovered, RecoverError> {
        let count = usize::try_from(records).unwrap_or(usize::MAX);
        Self::fold(None, self.records().into_iter().take(count).collect())
    }

    fn fold(snapshot: Option<Snapshot>, records: Vec<Vec<u8>>) -> Result<Recovered, RecoverError> {
        let behind = |seq: Seq| Ok((1..).zip(records).filter(move |(at, _)| *at >= seq).map(Ok));
        recover_from(snapshot, behind)
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A disk as the log of one process.
pub(super) struct DiskLog {
    pub(super) disk: Disk,
    pub(super) life: Life,
}

impl DiskLog {
    fn write(&self, records: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut platter = self.disk.platter();
        if platter.wrong == Wrong::Full {
            return Err(StoreError::Full { what: "append a batch to the log".to_owned() });
        }
        let mut records = records.to_vec();
        if platter.wrong == Wrong::Misdirects
            && platter.records.len() % 5 == 4
            && let (Some(first), Some(last)) = (records.first_mut(), platter.records.last())
        {
            first.clone_from(last);
        }
        platter.tail.push(records);
        Ok(())
    }

    fn sync(&self) -> Result<Seq, StoreError> {
        let mut platter = self.disk.platter();
        match platter.wrong {
            Wrong::Sync => {
                let what = "sync the log".to_owned();
                return Err(StoreError::Io { what, source: io::Error::other("fsync failed") });
            }
            Wrong::Forgets => {
                let unsynced: usize = platter.tail.iter().map(Vec::len).sum();
                return Ok((platter.records.len() + unsynced) as u64);
            }
            Wrong::Nothing
            | Wrong::Full
            | Wrong::Short
            | Wrong::Loses
            | Wrong::Misdirects
            | Wrong::Unreadable
            | Wrong::Rots => {}
        }
        let batches = std::mem::take(&mut platter.tail);
        platter.records.extend(batches.into_iter().flatten());
        platter.sync_count += 1;
        let head = platter.records.len() as u64;
        platter.marks.acked(head);
        Ok(head)
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.life.goes_on() { Ok(()) } else { Err(StoreError::Closed) }
    }
}

impl Log for DiskLog {
    fn append(&mut self, records: &[Vec<u8>]) -> Result<Seq, StoreError> {
        self.alive()?;
        self.write(records)?;
        self.alive()?;
        let head = self.sync()?;
        self.alive()?;
        Ok(head)
    }

    fn mark(&mut self, now: MonoMillis) -> Result<bool, StoreError> {
        self.alive()?;
        let mut platter = self.disk.platter();
        let head = platter.records.len() as u64;
        Ok(platter.marks.mark(head, now))
    }

    fn shortage(&self) -> Option<Shortage> {
        let is_short = matches!(self.disk.platter().wrong, Wrong::Short | Wrong::Full);
        is_short.then_some(Shortage { free_bytes: 0, reserve_bytes: 1 })
    }

    fn save_snapshot(&mut self, mut snapshot: Snapshot) {
        // It is written beside the others, and renamed when it is whole.
        if !self.life.goes_on() {
            return;
        }
        let mut platter = self.disk.platter();
        let middle = snapshot.body.len() / 2;
        if let (Wrong::Rots, Some(byte)) = (platter.wrong, snapshot.body.get_mut(middle)) {
            *byte ^= 1;
        }
        platter.snapshots.push(snapshot);
        if platter.snapshots.len() > SNAPSHOTS_MAX {
            platter.snapshots.remove(0);
        }
    }

    fn close(mut self: Box<Self>, last: Option<Snapshot>) -> Result<(), StoreError> {
        if let Some(last) = last {
            self.save_snapshot(last);
        }
        self.alive()?;
        let mut platter = self.disk.platter();
        let head = platter.records.len() as u64;
        platter.marks.close(head);
        Ok(())
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        Arc::new(self.disk.clone())
    }
}

impl Bodies for Disk {
    fn body(&self, stored: &Stored) -> Result<Vec<u8>, StoreError> {
        if self.platter().wrong == Wrong::Unreadable {
            let what = format!("read op {}", stored.op);
            return Err(StoreError::Io { what, source: io::Error::other("read failed") });
        }
        self.peek(stored)
    }
}

impl Disk {
    /// The bytes of an op that are there, for whoever watches: also where the node cannot read
    /// them.
    ///
    /// # Errors
    ///
    /// Where the record does not hold that op.
    pub fn peek(&self, stored: &Stored) -> Result<Vec<u8>, StoreError> {
        let at = stored.record.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let platter = self.platter();
        let synced = at.and_then(|at| platter.records.get(at));
        let record = synced
            .or_else(|| platter.tail.iter().flatten().nth(at?.checked_sub(platter.records.len())?));
        let bytes = record::op_bytes(record.map_or(&[], Vec::as_slice), &stored.op);
        bytes.map(<[u8]>::to_vec).map_err(|error| StoreError::Damaged {
            what: format!("record {} does not hold op {}: {error}", stored.record, stored.op),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (Disk, Life, DiskLog) {
        let (disk, life) = (Disk::default(), Life::default());
        let log = DiskLog { disk: disk.clone(), life: life.clone() };
        (disk, life, log)
    }

    #[test]
    fn attack_48_a_crash_between_write_and_sync_keeps_loses_or_tears_the_tail() {
        for tail in [Tail::Kept, Tail::Lost, Tail::Torn] {
            let (disk, life, mut log) = log();
            assert_eq!(log.append(&[vec![1]]).unwrap(), 1);
            // Before the write, between write and sync, and after the sync.
            for touches in 1..=3 {
                life.end_after(touches);
                let before = disk.synced();
                assert!(log.append(&[vec![2], vec![3]]).is_err());
                disk.crash(tail);
                let is_there = touches == 3 || (touches == 2 && tail == Tail::Kept);
                let expected = if is_there { before + 2 } else { before };
                assert_eq!(disk.synced(), expected, "{tail:?} after {touches}");
                life.begin();
            }
        }
    }

    #[test]
    fn attack_47_a_full_disk_takes_nothing_and_says_so() {
        let (disk, _, mut log) = log();
        disk.set_wrong(Wrong::Full);
        assert!(matches!(log.append(&[vec![1]]), Err(StoreError::Full { .. })));
        assert!(log.shortage().is_some());
        disk.crash(Tail::Kept);
        assert_eq!(disk.synced(), 0);
        disk.set_wrong(Wrong::Nothing);
        assert_eq!(log.append(&[vec![1]]).unwrap(), 1);
    }

    #[test]
    fn attack_50_a_failed_sync_fails_once_and_leaves_the_batch_in_doubt() {
        for (tail, left) in [(Tail::Kept, 1), (Tail::Lost, 0), (Tail::Torn, 0)] {
            let (disk, _, mut log) = log();
            disk.set_wrong(Wrong::Sync);
            assert!(matches!(log.append(&[vec![1]]), Err(StoreError::Io { .. })));
            disk.crash(tail);
            assert_eq!(disk.synced(), left);
            assert_eq!(log.append(&[vec![2]]).unwrap(), left + 1);
        }
    }

    #[test]
    fn attack_51_a_log_that_was_set_back_behind_its_marks_is_refused_until_it_is_put_right() {
        let opened = |number| {
            let namespace = folkmoot_core::id::NamespaceId([number; 32]);
            let me = crate::kit::person(0).id;
            record::encode(&folkmoot_core::event::Event::NamespaceOpened { namespace, me })
        };
        let (disk, _, mut log) = log();
        assert!(!disk.set_back(1), "there is nothing to lose");
        for number in 1..=3 {
            log.append(&[opened(number)]).unwrap();
        }
        disk.crash(Tail::Kept);
        for _ in 0..2 {
            assert!(disk.set_back(1) && disk.is_set_back());
            let error = disk.recover().err().unwrap().to_string();
            assert!(error.contains("its marks say that it had 3"), "{error}");
        }
        assert_eq!(disk.synced(), 1);
        disk.put_right();
        assert_eq!(disk.recover().unwrap().head, 3);
        // Nobody who does not look at the marks can tell.
        disk.ignore_marks();
        assert!(disk.set_back(2));
        assert_eq!(disk.recover().unwrap().head, 1);
    }

    #[test]
    fn a_snapshot_that_a_crash_cuts_short_is_not_there() {
        let (disk, life, mut log) = log();
        life.end_after(1);
        log.save_snapshot(Snapshot { seq: 0, body: Vec::new() });
        assert!(disk.platter().snapshots.is_empty());
    }
}
