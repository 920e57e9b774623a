use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;
use crate::EMPTY_ROOT;
use crate::disk::{Access, Fault, Faulty, MemoryDisk, RealDisk};
use crate::nodes::HASHES_FILE;
use crate::world::{
    ORIGIN, append, append_with_seed, change_key, change_leaf, config, first_leaf, key, next_key, open,
    open_on, path, verify, verify_with,
};
use crate::writer::{Committed, Step};
use crate::{verify_dir, verify_proof};

/// Large enough that a segment of the tests holds only two or three.
fn leaf(number: u64) -> Vec<u8> {
    let mut leaf = number.to_string().into_bytes();
    leaf.resize(25_000 + (number as usize * 331) % 5_000, b'.');
    leaf
}

/// Every acknowledged entry is there, under a checkpoint that the present head extends.
fn assert_kept(ledger: &Ledger, acknowledged: &[(u64, Committed)]) {
    let head = ledger.head();
    for (number, committed) in acknowledged {
        assert_eq!(ledger.leaf(committed.index).unwrap(), leaf(*number));
        let (old, size) = (&committed.checkpoint, head.size());
        ledger.consistency(old.size(), size).unwrap().verify(old.root(), head.root()).unwrap();
        let proof = ledger.inclusion(committed.index, size).unwrap();
        proof.verify(&committed.leaf_hash, head.root()).unwrap();
    }
}

#[test]
fn appended_entries_are_read_proven_and_found_again() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    assert_eq!((opened.recovery, opened.ledger.head().size()), (Recovery::default(), 0));
    let acknowledged: Vec<_> =
        (0..12).map(|number| (number, append(&opened.ledger, &leaf(number)).unwrap())).collect();
    assert_kept(&opened.ledger, &acknowledged);
    let head = opened.ledger.head();
    opened.ledger.close();

    let opened = open(&disk).unwrap();
    assert_eq!(opened.recovery.entries, 12);
    assert_eq!(opened.recovery.segments_read, 2);
    assert!(!opened.recovery.hashes_rebuilt && opened.recovery.truncated_bytes == 0);
    assert_eq!(opened.ledger.head(), head);
    assert_kept(&opened.ledger, &acknowledged);
    let read: Vec<_> = opened.ledger.leaves(3..99).map(Result::unwrap).collect();
    assert_eq!(read, (3..12).map(|number| (number, leaf(number))).collect::<Vec<_>>());
    let text = opened.ledger.proof(7).unwrap().to_text();
    verify_proof(&text, &leaf(7), key().verifier()).unwrap();
    assert!(matches!(opened.ledger.leaf(12), Err(LedgerError::NoSuchEntry { index: 12, size: 12 })));
    assert!(matches!(opened.ledger.inclusion(0, 13), Err(LedgerError::NoSuchEntry { .. })));
    assert!(opened.ledger.inclusion(5, 5).is_err());
}

#[test]
fn many_appends_at_once_share_batches_and_keep_their_order() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    let (sender, receiver) = mpsc::channel();
    for number in 0..500_u64 {
        let sender = sender.clone();
        let done = move |fate: Result<Committed, AppendError>| sender.send((number, fate.unwrap())).unwrap();
        opened.ledger.append(number.to_string().into_bytes(), None, Box::new(done));
    }
    for number in 0..500 {
        let (answered, committed) = receiver.recv().unwrap();
        assert_eq!((answered, committed.index), (number, number));
        assert!(committed.checkpoint.size() > committed.index);
    }
    drop(opened);
    let report = verify(&disk, None);
    assert!(report.is_sound() && report.entries == 500 && report.checkpoints <= 500);
}

#[test]
fn too_long_a_leaf_is_refused_and_the_longest_fits() {
    let opened = open(&MemoryDisk::new()).unwrap();
    let error = append(&opened.ledger, &vec![0; MAX_LEAF_BYTES + 1]).unwrap_err();
    assert_eq!(error, AppendError::TooLarge(65_536));
    for _ in 0..3 {
        append(&opened.ledger, &vec![0; MAX_LEAF_BYTES]).unwrap();
    }
    assert_eq!(opened.ledger.head().size(), 3);
}

#[test]
fn a_full_queue_answers_overloaded_and_loses_nothing() {
    let (open_gate, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let failpoint = move |step| {
        if step == Step::BeforeWrite {
            let _ = gate.lock().unwrap().recv();
        }
    };
    let config = LedgerConfig { queue: 2, failpoint: Some(Arc::new(failpoint)), ..config() };
    let ledger = Ledger::open(config, key(), Arc::new(MemoryDisk::new())).unwrap().ledger;
    let (sender, receiver) = mpsc::channel();
    for _ in 0..10 {
        let sender = sender.clone();
        ledger.append(b"x".to_vec(), None, Box::new(move |fate| sender.send(fate).unwrap()));
    }
    drop(sender);
    let refused = receiver.recv().unwrap().unwrap_err();
    assert_eq!(refused, AppendError::Overloaded);
    drop(open_gate);
    let fates: Vec<_> = receiver.iter().collect();
    let good = fates.iter().filter(|fate| fate.is_ok()).count() as u64;
    assert_eq!((ledger.head().size(), fates.len()), (good, 9));
    assert!(good >= 2);
}

#[test]
fn a_callback_may_append_and_may_drop_the_ledger() {
    let ledger = Arc::new(open(&MemoryDisk::new()).unwrap().ledger);
    let (sender, receiver) = mpsc::channel();
    let inner = ledger.clone();
    let first = move |_| {
        let done = move |fate: Result<Committed, AppendError>| sender.send(fate.unwrap().index).unwrap();
        inner.append(b"second".to_vec(), None, Box::new(done));
        assert!(inner.reopen().is_err());
    };
    ledger.append(b"first".to_vec(), None, Box::new(first));
    drop(ledger);
    assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(1));
}

#[test]
fn erased_openings_stay_erased_and_the_tree_stays_valid() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    append_with_seed(&opened.ledger, b"one", Some([1; 32])).unwrap();
    append(&opened.ledger, b"two").unwrap();
    append_with_seed(&opened.ledger, b"three", Some([3; 32])).unwrap();
    assert_eq!(opened.ledger.opening(0).unwrap(), Some([1; 32]));
    assert_eq!(opened.ledger.opening(1).unwrap(), None);
    opened.ledger.erase_opening(0).unwrap();
    assert_eq!(opened.ledger.opening(0).unwrap(), None);
    assert!(matches!(opened.ledger.erase_opening(3), Err(LedgerError::NoSuchEntry { .. })));
    let lost = disk.after_power_loss(|| false);
    assert_eq!(open(&lost).unwrap().ledger.opening(0).unwrap(), None);
    drop(opened);
    let opened = open(&disk).unwrap();
    assert_eq!(opened.ledger.opening(0).unwrap(), None);
    assert_eq!(opened.ledger.opening(2).unwrap(), Some([3; 32]));
    assert!(verify(&disk, None).is_sound());
}

#[test]
fn lost_or_damaged_hashes_are_made_anew() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    let acknowledged: Vec<_> =
        (0..12).map(|number| (number, append(&opened.ledger, &leaf(number)).unwrap())).collect();
    drop(opened);
    let hashes = disk.read(&path(HASHES_FILE)).unwrap();
    for damaged in [Vec::new(), hashes[..hashes.len() / 2].to_vec(), vec![7; hashes.len()]] {
        disk.write(&path(HASHES_FILE), damaged);
        let opened = open(&disk).unwrap();
        assert!(opened.recovery.hashes_rebuilt);
        assert_kept(&opened.ledger, &acknowledged);
        drop(opened);
        assert_eq!(disk.read(&path(HASHES_FILE)).unwrap(), hashes);
    }
}

#[test]
fn a_failed_sync_stops_the_ledger_until_it_is_reopened() {
    let memory = MemoryDisk::new();
    let faulty = Faulty::new(Arc::new(memory.clone()));
    let ledger = open_on(Arc::new(faulty.clone())).unwrap().ledger;
    let first = append(&ledger, b"kept").unwrap();
    // Of an append without a seed: the nodes, the frame, the sync.
    faulty.fail_nth(2, Fault::Io, true);
    assert!(matches!(append(&ledger, b"lost"), Err(AppendError::Poisoned(_))));
    assert!(matches!(append(&ledger, b"late"), Err(AppendError::Poisoned(_))));
    assert!(matches!(ledger.health(), Health::Poisoned { .. }));
    assert_eq!(ledger.head(), first.checkpoint);
    assert!(ledger.reopen().is_err());
    assert!(matches!(append(&ledger, b"still"), Err(AppendError::Poisoned(_))));
    assert_eq!(ledger.leaf(0).unwrap(), b"kept");
    faulty.heal();
    // The frame had been written, only its sync failed: it is kept, made durable, and counted.
    assert_eq!(ledger.reopen().unwrap().entries, 2);
    assert_eq!(ledger.health(), Health::Ok);
    assert_eq!(append(&ledger, b"next").unwrap().index, 2);
    let durable = memory.after_power_loss(|| false);
    assert_eq!(open(&durable).unwrap().recovery.entries, 3);
}

#[test]
fn a_full_disk_refuses_and_the_ledger_goes_on_by_itself_when_space_returns() {
    let faulty = Faulty::new(Arc::new(MemoryDisk::new()));
    let ledger = open_on(Arc::new(faulty.clone())).unwrap().ledger;
    append(&ledger, b"one").unwrap();
    faulty.fail_nth(0, Fault::NoSpace, true);
    assert!(matches!(append(&ledger, b"two"), Err(AppendError::Refused(_))));
    assert!(matches!(ledger.health(), Health::Refusing { .. }));
    faulty.heal();
    assert_eq!(append(&ledger, b"two").unwrap().index, 1);
    assert_eq!(ledger.health(), Health::Ok);
}

#[test]
fn a_segment_that_cannot_be_prepared_refuses_until_it_can() {
    let memory = MemoryDisk::new();
    let full = Arc::new(FullForSegments { inner: memory.clone(), full: AtomicU64::new(0) });
    let ledger = open_on(full.clone()).unwrap().ledger;
    full.full.store(1, Ordering::SeqCst);
    let mut number = 0;
    let refused = loop {
        match append(&ledger, &leaf(number)) {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Refused(_)), "{refused}");
    assert!(number >= 2);
    assert!(matches!(append(&ledger, &leaf(99)), Err(AppendError::Refused(_))));
    append(&ledger, b"what still fits is taken").unwrap();
    full.full.store(0, Ordering::SeqCst);
    thread::sleep(crate::limits::PREPARE_RETRY);
    assert_eq!(append(&ledger, &leaf(number)).unwrap().index, number + 1);
    drop(ledger);
    assert!(verify(&memory, None).is_sound());
}

#[test]
fn whatever_operation_fails_nothing_acknowledged_is_lost() {
    let run = |fail: Option<(u64, Fault)>| {
        let memory = MemoryDisk::new();
        let faulty = Faulty::new(Arc::new(memory.clone()));
        let mut acknowledged = Vec::new();
        if let Some((nth, fault)) = fail {
            faulty.fail_nth(nth, fault, false);
        }
        let mut opened = open_on(Arc::new(faulty.clone()));
        if opened.is_err() {
            opened = open_on(Arc::new(faulty.clone()));
        }
        let ledger = opened.unwrap().ledger;
        for number in 0..8 {
            let seed = (number % 2 == 0).then_some([number as u8 + 1; 32]);
            if let Ok(committed) = append_with_seed(&ledger, &leaf(number), seed) {
                acknowledged.push((number, committed));
            }
            // What was acknowledged survives a power loss at this very moment.
            let lost = open(&memory.after_power_loss(|| false)).unwrap();
            assert_kept(&lost.ledger, &acknowledged);
        }
        faulty.heal();
        if matches!(ledger.health(), Health::Poisoned { .. }) {
            ledger.reopen().unwrap();
        }
        // A segment that could not be prepared is tried again only after a pause.
        let last = append(&ledger, &leaf(8)).or_else(|_| {
            thread::sleep(crate::limits::PREPARE_RETRY);
            append(&ledger, &leaf(8))
        });
        acknowledged.push((8, last.unwrap()));
        assert_kept(&ledger, &acknowledged);
        drop(ledger);
        let known = acknowledged.last().map(|(_, committed)| committed.checkpoint.clone());
        let report = verify(&memory, known.as_deref());
        assert!(report.is_sound(), "{fail:?}: {:?}", report.first_bad);
        faulty.operations()
    };
    let operations = run(None);
    thread::scope(|scope| {
        for fault in [Fault::Io, Fault::NoSpace] {
            scope.spawn(move || {
                (0..operations + 2).for_each(|nth| {
                    run(Some((nth, fault)));
                })
            });
        }
    });
}

#[test]
fn a_power_loss_at_any_step_keeps_what_was_acknowledged() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut coin = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random & 1 == 1
    };
    for stop in 0..62 {
        let memory = MemoryDisk::new();
        let snapshot = Arc::new(Mutex::new(None));
        let acknowledged = Arc::new(Mutex::new(Vec::<(u64, Committed)>::new()));
        let (steps, kept, disk) = (AtomicU64::new(0), snapshot.clone(), memory.clone());
        let known = acknowledged.clone();
        let failpoint = move |_| {
            if steps.fetch_add(1, Ordering::SeqCst) == stop {
                *kept.lock().unwrap() = Some((disk.clone_now(), known.lock().unwrap().clone()));
            }
        };
        let config = LedgerConfig { failpoint: Some(Arc::new(failpoint)), ..config() };
        let ledger = Ledger::open(config, key(), Arc::new(memory)).unwrap().ledger;
        for number in 0..8 {
            let committed = append_with_seed(&ledger, &leaf(number), Some([9; 32])).unwrap();
            acknowledged.lock().unwrap().push((number, committed));
        }
        drop(ledger);
        let Some((disk, acknowledged)) = snapshot.lock().unwrap().take() else { continue };
        for _ in 0..6 {
            let after = disk.after_power_loss(&mut coin);
            let opened = open(&after).unwrap();
            assert_kept(&opened.ledger, &acknowledged);
            append(&opened.ledger, b"next").unwrap();
            drop(opened);
            let last = acknowledged.last().map(|(_, committed)| committed.checkpoint.clone());
            let report = verify(&after, last.as_deref());
            assert!(report.is_sound(), "stopped at {stop}: {:?}", report.first_bad);
        }
    }
}

#[test]
fn a_ledger_behind_or_beside_the_known_checkpoint_does_not_open() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    append(&opened.ledger, b"one").unwrap();
    let yesterday = disk.after_power_loss(|| true);
    let known = append(&opened.ledger, b"two").unwrap().checkpoint.checkpoint().clone();
    drop(opened);
    let with = |known: &Checkpoint, disk: &MemoryDisk| {
        let config = LedgerConfig { known: Some(known.clone()), ..config() };
        Ledger::open(config, key(), Arc::new(disk.clone())).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with(&known, &disk), Ok(()));
    assert!(with(&known, &yesterday).unwrap_err().contains("removed at the end"));
    let other = Checkpoint { root: EMPTY_ROOT, ..known };
    assert!(with(&other, &disk).unwrap_err().contains("not those of the known checkpoint"));
}

#[test]
fn a_log_that_changes_its_key_goes_on_and_verifies_from_either_key() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap().ledger;
    append(&ledger, &first_leaf(&key())).unwrap();
    let before = append(&ledger, b"one").unwrap();
    let changed = change_key(&ledger, &key(), &next_key()).unwrap();
    assert_eq!((changed.index, ledger.verifier()), (2, next_key().verifier().clone()));
    let after = append(&ledger, b"two").unwrap();
    let signed = |committed: &Committed, key: &LogKey| committed.checkpoint.is_signed_by(key.verifier());
    assert!(signed(&before, &key()) && !signed(&before, &next_key()));
    assert!(signed(&changed, &key()) && signed(&changed, &next_key()));
    assert!(!signed(&after, &key()) && signed(&after, &next_key()));
    drop(ledger);
    for pinned in [key(), next_key()] {
        let report = verify_with(&disk, &[pinned.verifier().clone()], Some(&before.checkpoint));
        assert!(report.is_sound() && report.entries == 4, "{report:?}");
    }
    let reopened = |key: LogKey, next: Option<LogKey>| {
        Ledger::open(LedgerConfig { next_key: next, ..config() }, key, Arc::new(disk.clone()))
    };
    assert!(matches!(reopened(key(), None), Err(LedgerError::Damaged(_))));
    assert_eq!(reopened(next_key(), None).unwrap().ledger.verifier(), *next_key().verifier());
    assert_eq!(reopened(key(), Some(next_key())).unwrap().ledger.verifier(), *next_key().verifier());
    let unused = LogKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    assert_eq!(reopened(next_key(), Some(unused)).unwrap().ledger.verifier(), *next_key().verifier());
    let config = LedgerConfig { previous_keys: vec![next_key().verifier().clone()], ..config() };
    let unknown = Ledger::open(config, key(), Arc::new(disk.clone()));
    assert!(matches!(unknown, Err(LedgerError::KeyEnded)));
}

#[test]
fn only_a_change_of_the_key_writes_a_key_entry_and_only_from_the_key_in_force() {
    let disk = MemoryDisk::new();
    let ledger = open(&disk).unwrap().ledger;
    assert_eq!(append(&ledger, &change_leaf(&key(), &next_key())).unwrap_err(), AppendError::Reserved);
    let third = LogKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    for (before, next) in [(next_key(), third.clone()), (key(), key())] {
        assert!(matches!(change_key(&ledger, &before, &next), Err(AppendError::KeyChange(_))));
    }
    let (sender, receiver) = mpsc::channel();
    let done = move |fate: Result<Committed, AppendError>| sender.send(fate.map(drop)).unwrap();
    ledger.change_key(third.clone(), change_leaf(&key(), &next_key()), Box::new(done));
    assert!(matches!(receiver.recv().unwrap(), Err(AppendError::KeyChange(_))));
    change_key(&ledger, &key(), &next_key()).unwrap();
    assert!(matches!(change_key(&ledger, &key(), &third), Err(AppendError::KeyChange(_))));
    change_key(&ledger, &next_key(), &third).unwrap();
    drop(ledger);
    assert!(verify(&disk, None).is_sound());
}

#[test]
fn appends_of_many_go_on_while_the_key_changes() {
    let disk = MemoryDisk::new();
    let ledger = Arc::new(open(&disk).unwrap().ledger);
    append(&ledger, &first_leaf(&key())).unwrap();
    thread::scope(|scope| {
        for caller in 0..8_u8 {
            let ledger = ledger.clone();
            scope.spawn(move || (0..200).for_each(|_| drop(append(&ledger, &[caller]).unwrap())));
        }
        let mut in_force = key();
        for seed in 20..30 {
            let next = LogKey::from_seed(ORIGIN, &[seed; 32]).unwrap();
            change_key(&ledger, &in_force, &next).unwrap();
            in_force = next;
        }
    });
    drop(ledger);
    let report = verify(&disk, None);
    assert!(report.is_sound() && report.entries == 1_611 && report.keys.len() == 11, "{report:?}");
}

#[test]
fn whatever_operation_fails_while_the_key_changes_either_key_is_in_force() {
    let run = |fail: Option<(u64, Fault)>| {
        let memory = MemoryDisk::new();
        let faulty = Faulty::new(Arc::new(memory.clone()));
        let ledger = open_on(Arc::new(faulty.clone())).unwrap().ledger;
        let first = append(&ledger, &first_leaf(&key())).unwrap();
        let begun = faulty.operations();
        if let Some((nth, fault)) = fail {
            faulty.fail_nth(nth, fault, false);
        }
        let changed = change_key(&ledger, &key(), &next_key());
        // A power loss at this very moment: what was acknowledged holds.
        let lost = memory.after_power_loss(|| false);
        let config = LedgerConfig { next_key: Some(next_key()), ..config() };
        let reopened = Ledger::open(config, key(), Arc::new(lost.clone())).unwrap().ledger;
        assert!(changed.is_err() || reopened.verifier() == *next_key().verifier());
        append(&reopened, b"after the loss").unwrap();
        drop(reopened);
        assert!(verify(&lost, Some(&first.checkpoint)).is_sound());
        faulty.heal();
        if matches!(ledger.health(), Health::Poisoned { .. }) {
            ledger.reopen().unwrap();
        }
        append(&ledger, b"here").unwrap();
        let operations = faulty.operations() - begun;
        drop(ledger);
        assert!(verify(&memory, Some(&first.checkpoint)).is_sound(), "{fail:?}");
        operations
    };
    for nth in 0..run(None) + 1 {
        run(Some((nth, Fault::Io)));
        run(Some((nth, Fault::NoSpace)));
    }
}

#[test]
fn a_power_loss_at_any_step_of_a_key_change_leaves_a_ledger_that_opens_and_verifies() {
    let mut random = 0x51ab_79b9_7f4a_7c15_u64;
    let mut coin = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random & 1 == 1
    };
    let mut ends = [0, 0];
    for stop in 0..26 {
        let memory = MemoryDisk::new();
        let (snapshot, steps) = (Arc::new(Mutex::new(None)), AtomicU64::new(0));
        let (kept, disk) = (snapshot.clone(), memory.clone());
        let failpoint = move |_| {
            if steps.fetch_add(1, Ordering::SeqCst) == stop {
                *kept.lock().unwrap() = Some(disk.clone_now());
            }
        };
        let config = LedgerConfig { failpoint: Some(Arc::new(failpoint)), ..config() };
        let ledger = Ledger::open(config.clone(), key(), Arc::new(memory)).unwrap().ledger;
        append(&ledger, &first_leaf(&key())).unwrap();
        change_key(&ledger, &key(), &next_key()).unwrap();
        append(&ledger, b"two").unwrap();
        drop(ledger);
        let Some(disk) = snapshot.lock().unwrap().take() else { continue };
        for _ in 0..6 {
            let after = disk.after_power_loss(&mut coin);
            let config = LedgerConfig { next_key: Some(next_key()), failpoint: None, ..config.clone() };
            let ledger = Ledger::open(config, key(), Arc::new(after.clone())).unwrap().ledger;
            ends[usize::from(ledger.verifier() == *next_key().verifier())] += 1;
            append(&ledger, b"next").unwrap();
            drop(ledger);
            let report = verify(&after, None);
            assert!(report.is_sound(), "stopped at {stop}: {:?}", report.first_bad);
        }
    }
    assert!(ends[0] > 0 && ends[1] > 0, "both ends were met: {ends:?}");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let disk = Arc::new(MemoryDisk::new());
    for bad in [
        LedgerConfig { origin: "other.example".into(), ..config() },
        LedgerConfig { segment_bytes: MIN_SEGMENT_BYTES - 1, ..config() },
        LedgerConfig { segment_bytes: MAX_SEGMENT_BYTES + 1, ..config() },
        LedgerConfig { queue: 0, ..config() },
    ] {
        assert!(matches!(Ledger::open(bad, key(), disk.clone()), Err(LedgerError::Config(_))));
    }
}

#[test]
fn on_a_real_disk_one_process_owns_the_ledger_and_a_deleted_segment_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let config = LedgerConfig { dir: dir.path().join("log"), ..config() };
    let real: Arc<dyn Disk> = Arc::new(RealDisk);
    let ledger = Ledger::open(config.clone(), key(), real.clone()).unwrap().ledger;
    assert!(matches!(Ledger::open(config.clone(), key(), real.clone()), Err(LedgerError::Locked)));
    for number in 0..7 {
        append(&ledger, &leaf(number)).unwrap();
    }
    ledger.close();
    let report = verify_dir(&config.dir, &crate::world::keys(), None).unwrap();
    assert!(report.is_sound() && report.entries == 7, "{report:?}");
    let ledger = Ledger::open(config.clone(), key(), real).unwrap().ledger;
    append(&ledger, b"fine").unwrap();
    for entry in std::fs::read_dir(&config.dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            std::fs::remove_file(path).unwrap();
        }
    }
    thread::sleep(crate::limits::TICK + Duration::from_millis(100));
    let error = append(&ledger, b"into the void").unwrap_err();
    assert!(matches!(error, AppendError::Poisoned(_)), "{error}");
}

/// A disk on which new segments find no space while `full` is set, and everything else does.
#[derive(Debug)]
struct FullForSegments {
    inner: MemoryDisk,
    full: AtomicU64,
}

impl Disk for FullForSegments {
    fn create_dir(&self, dir: &std::path::Path) -> io::Result<()> {
        self.inner.create_dir(dir)
    }
    fn list(&self, dir: &std::path::Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }
    fn open(&self, path: &std::path::Path, access: Access) -> io::Result<Arc<dyn crate::disk::DiskFile>> {
        if path.ends_with("prepared.tmp") && self.full.load(Ordering::SeqCst) != 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.open(path, access)
    }
    fn rename(&self, from: &std::path::Path, to: &std::path::Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &std::path::Path) -> io::Result<()> {
        self.inner.remove(path)
    }
    fn sync_dir(&self, dir: &std::path::Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }
    fn identity(&self, path: &std::path::Path) -> io::Result<crate::disk::FileIdentity> {
        self.inner.identity(path)
    }
    fn lock(&self, path: &std::path::Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.inner.lock(path)
    }
}
