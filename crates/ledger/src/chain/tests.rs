use crate::world::{change_leaf, disk_with, first_leaf, key, next_key, verify_with};
use crate::{CompactRange, LogKey, MAGIC, Report, SignedCheckpoint, encode_frame, leaf_hash};

/// Who signs a frame of the tests.
enum By<'a> {
    One(&'a LogKey),
    Both(&'a LogKey, &'a LogKey),
}

type Signed<'a> = (Vec<&'a [u8]>, By<'a>);

fn frame<'a, const N: usize>(leaves: [&'a [u8]; N], by: By<'a>) -> Signed<'a> {
    (leaves.to_vec(), by)
}

/// A ledger of these frames, each signed as it says.
fn ledger(frames: &[Signed<'_>]) -> crate::disk::MemoryDisk {
    let (mut range, mut bytes, mut buffer) = (CompactRange::new(), MAGIC.to_vec(), Vec::new());
    for (leaves, by) in frames {
        let first = range.size();
        leaves.iter().for_each(|leaf| range.append(leaf_hash(leaf), |_| {}));
        let checkpoint = match by {
            By::One(key) => SignedCheckpoint::sign(range.size(), range.root(), key),
            By::Both(key, next) => SignedCheckpoint::sign_change(range.size(), range.root(), key, next),
        };
        encode_frame(&mut buffer, first, leaves.iter().copied(), checkpoint.note().as_bytes()).unwrap();
        bytes.extend_from_slice(&buffer);
    }
    bytes.resize(bytes.len() + 64, 0);
    disk_with(bytes)
}

fn third_key() -> LogKey {
    LogKey::from_seed(crate::world::ORIGIN, &[5; 32]).unwrap()
}

fn judged(frames: &[Signed<'_>], pinned: &LogKey) -> Report {
    verify_with(&ledger(frames), &[pinned.verifier().clone()], None)
}

fn refused(frames: &[Signed<'_>], pinned: &LogKey) -> String {
    let report = judged(frames, pinned);
    report.first_bad.expect("this ledger is wrong").to_string()
}

#[test]
fn a_log_of_three_keys_verifies_from_whichever_is_pinned() {
    let (one, two, three) = (key(), next_key(), third_key());
    let (first, to_two, to_three) = (first_leaf(&one), change_leaf(&one, &two), change_leaf(&two, &three));
    let frames = [
        frame([&first, b"a"], By::One(&one)),
        frame([&to_two], By::Both(&one, &two)),
        frame([b"b", b"c"], By::One(&two)),
        frame([b"d", &to_three], By::Both(&two, &three)),
        frame([b"e"], By::One(&three)),
    ];
    for pinned in [&one, &two, &three] {
        let report = judged(&frames, pinned);
        assert!(report.is_sound(), "{report:?}");
        let from: Vec<_> = report.keys.iter().map(|term| (&term.key, term.from)).collect();
        assert_eq!(from, [(one.verifier(), 0), (two.verifier(), 3), (three.verifier(), 7)]);
        assert_eq!((report.entries, report.checkpoints), (8, 5));
    }
    let stranger = LogKey::from_seed(crate::world::ORIGIN, &[6; 32]).unwrap();
    let report = judged(&frames, &stranger);
    assert!(report.first_bad.unwrap().to_string().contains("no signature by a pinned key"));
    assert_eq!((report.entries, report.checkpoints, report.keys.len()), (0, 0, 0));
}

#[test]
fn a_log_that_names_no_first_key_verifies_from_its_first_key_alone() {
    let (one, two) = (key(), next_key());
    let change = change_leaf(&one, &two);
    let frames =
        [frame([b"a"], By::One(&one)), frame([&change], By::Both(&one, &two)), frame([b"b"], By::One(&two))];
    assert!(judged(&frames, &one).is_sound());
    assert!(refused(&frames, &two).contains("no signature by a pinned key"));
}

#[test]
fn the_old_key_does_not_sign_after_its_end_nor_the_new_one_before_its_time() {
    let (one, two) = (key(), next_key());
    let (first, change) = (first_leaf(&one), change_leaf(&one, &two));
    for pinned in [&one, &two] {
        let late = [
            frame([&first], By::One(&one)),
            frame([&change], By::Both(&one, &two)),
            frame([b"late"], By::One(&one)),
        ];
        assert!(refused(&late, pinned).contains("no signature"));
        let early = [frame([&first], By::One(&one)), frame([b"early"], By::One(&two))];
        assert!(refused(&early, pinned).contains("no signature"));
    }
}

#[test]
fn a_forged_key_entry_hands_nothing_over() {
    let (one, two, thief) = (key(), next_key(), third_key());
    let (first, to_thief) = (first_leaf(&one), change_leaf(&one, &thief));
    let own_word =
        [frame([&first], By::One(&one)), frame([&to_thief], By::One(&thief)), frame([b"x"], By::One(&thief))];
    assert!(refused(&own_word, &one).contains("no signature by a pinned key"));
    let without_new = [frame([&first], By::One(&one)), frame([&to_thief], By::One(&one))];
    assert!(refused(&without_new, &one).contains("the new key has not signed"));
    let from_other = change_leaf(&two, &thief);
    let from_other = [frame([&first, &from_other], By::Both(&one, &thief))];
    assert!(refused(&from_other, &one).contains("not in force"));
    let followed = [frame([&first, &to_thief, b"x"], By::Both(&one, &thief))];
    assert!(refused(&followed, &one).contains("entries follow it"));
    let back = change_leaf(&two, &one);
    let to_two = change_leaf(&one, &two);
    let back = [
        frame([&first], By::One(&one)),
        frame([&to_two], By::Both(&one, &two)),
        frame([&back], By::Both(&two, &one)),
    ];
    assert!(refused(&back, &one).contains("whose time has ended"));
    let malformed = &to_thief[..to_thief.len() - 40];
    assert!(refused(&[frame([&first, malformed], By::One(&one))], &one).contains("the key entry"));
    let elsewhere = LogKey::from_seed("log.example/other", &[7; 32]).unwrap();
    let to_elsewhere = change_leaf(&one, &elsewhere);
    let abroad = [frame([&first, &to_elsewhere], By::Both(&one, &elsewhere))];
    assert!(refused(&abroad, &one).contains("another log"));
}

#[test]
fn a_first_leaf_that_names_a_key_which_did_not_sign_is_refused() {
    let (one, two) = (key(), next_key());
    let first = first_leaf(&two);
    assert!(refused(&[frame([&first], By::One(&one))], &one).contains("no signature"));
}

#[test]
fn a_kept_checkpoint_of_an_earlier_key_is_known_to_who_pins_a_later_one() {
    let (one, two) = (key(), next_key());
    let (first, change) = (first_leaf(&one), change_leaf(&one, &two));
    let frames = [
        frame([&first, b"a"], By::One(&one)),
        frame([&change], By::Both(&one, &two)),
        frame([b"b"], By::One(&two)),
    ];
    let disk = ledger(&frames);
    let mut range = CompactRange::new();
    [first.as_slice(), b"a"].iter().for_each(|leaf| range.append(leaf_hash(leaf), |_| {}));
    let pinned = [two.verifier().clone()];
    let kept = |key: &LogKey| SignedCheckpoint::sign(2, range.root(), key);
    assert!(verify_with(&disk, &pinned, Some(&kept(&one))).is_sound());
    let report = verify_with(&disk, &pinned, Some(&kept(&third_key())));
    assert!(report.first_bad.unwrap().to_string().contains("the known checkpoint"));
}
