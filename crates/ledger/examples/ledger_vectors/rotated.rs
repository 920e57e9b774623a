//! Ledgers whose key was changed, and others that pretend to it. Every one has correct checksums and roots: only who
//! signed what is wrong.

use std::fs;
use std::path::Path;

use placet_ledger::{CompactRange, LogKey, MAGIC, SignedCheckpoint, encode_frame, leaf_hash, segment_name};

use crate::{Failure, ORIGIN, ZEROS};

/// The leaves of a frame, and the keys that sign its checkpoint.
type Frame<'a> = (Vec<String>, Vec<&'a LogKey>);

pub(crate) fn write(target: &Path) -> Result<(), Failure> {
    let key = |seed| LogKey::from_seed(ORIGIN, &[seed; 32]);
    let (one, two, three, thief) = (key(0x42)?, key(0x43)?, key(0x44)?, key(0x66)?);
    let first = || vec![about(&format!(r#""verifier_key":"{}""#, one.verifier()), "key_activated")];
    let to_two = || change(&one, &two);
    let plain = |text: &str| vec![format!(r#"{{"n":"{text}"}}"#)];
    let begin = || (first(), vec![&one]);
    let cases: Vec<(&str, Vec<Frame<'_>>)> = vec![
        (
            "good",
            vec![
                begin(),
                (plain("old"), vec![&one]),
                (vec![to_two()], vec![&one, &two]),
                (plain("new"), vec![&two]),
                (vec![change(&two, &three)], vec![&two, &three]),
                (plain("newest"), vec![&three]),
            ],
        ),
        (
            "forged-key-entry",
            vec![begin(), (vec![change(&one, &thief)], vec![&thief]), (plain("x"), vec![&thief])],
        ),
        ("not-covered-by-the-old-key", vec![begin(), (vec![to_two()], vec![&two]), (plain("x"), vec![&two])]),
        ("not-signed-by-the-new-key", vec![begin(), (vec![to_two()], vec![&one]), (plain("x"), vec![&two])]),
        (
            "old-key-after-its-end",
            vec![begin(), (vec![to_two()], vec![&one, &two]), (plain("late"), vec![&one])],
        ),
        (
            "new-key-before-its-time",
            vec![begin(), (plain("early"), vec![&two]), (vec![to_two()], vec![&one, &two])],
        ),
        (
            "entries-behind-the-key-entry",
            vec![
                begin(),
                ([vec![to_two()], plain("x")].concat(), vec![&one, &two]),
                (plain("x"), vec![&two]),
            ],
        ),
        (
            "from-a-key-that-is-not-in-force",
            vec![begin(), (vec![change(&three, &two)], vec![&one, &two]), (plain("x"), vec![&two])],
        ),
        (
            "back-to-a-key-that-has-ended",
            vec![
                begin(),
                (vec![to_two()], vec![&one, &two]),
                (vec![change(&two, &one)], vec![&two, &one]),
                (plain("x"), vec![&one]),
            ],
        ),
        (
            "key-entry-of-another-form",
            vec![begin(), (vec![to_two().replace("log_key_before", "log_key_older")], vec![&one, &two])],
        ),
    ];
    for (name, frames) in cases {
        let folder = target.join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(segment_name(0)), segment(&frames)?)?;
    }
    for (name, key) in [("first.vkey", &one), ("second.vkey", &two), ("newest.vkey", &three)] {
        fs::write(target.join(name), format!("{}\n", key.verifier()))?;
    }
    Ok(())
}

fn about(about: &str, change: &str) -> String {
    format!(
        r#"{{"_type":"placet.dev/receipt/v1","about":{{{about}}},"change":"{change}","id":"rcp_01m803g080e008000000000004","kind":"key","time_us":1795300000000000}}"#
    )
}

fn change(before: &LogKey, next: &LogKey) -> String {
    let keys = format!(r#""log_key":"{}","log_key_before":"{}""#, next.verifier(), before.verifier());
    about(&keys, "log_key_changed")
}

fn segment(frames: &[Frame<'_>]) -> Result<Vec<u8>, Failure> {
    let (mut range, mut bytes, mut buffer) = (CompactRange::new(), MAGIC.to_vec(), Vec::new());
    for (leaves, keys) in frames {
        let first = range.size();
        for leaf in leaves {
            range.append(leaf_hash(leaf.as_bytes()), |_| {});
        }
        let mut note = String::new();
        for key in keys {
            let signed = SignedCheckpoint::sign(range.size(), range.root(), key);
            match note.is_empty() {
                true => note.push_str(signed.note()),
                // The last line of the note is the signature.
                false => note.extend(signed.note().split_inclusive('\n').next_back()),
            }
        }
        encode_frame(&mut buffer, first, leaves.iter().map(String::as_bytes), note.as_bytes())?;
        bytes.extend_from_slice(&buffer);
    }
    bytes.resize(bytes.len() + ZEROS, 0);
    Ok(bytes)
}
