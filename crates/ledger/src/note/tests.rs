use signed_note::{Note as TheirNote, StandardSigner, StandardVerifier, VerifierList};

use super::*;
use crate::world::{ORIGIN, key, keys};

/// The example of the Go and Rust `note` packages.
const NEUMANN_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const NEUMANN_PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn neumann() -> LogKey {
    let secret = STANDARD.decode(NEUMANN_SECRET.rsplit_once("c74f20a3+").unwrap().1).unwrap();
    LogKey::from_seed("PeterNeumann", secret[1..].try_into().unwrap()).unwrap()
}

#[test]
fn the_well_known_key_comes_out_of_its_seed() {
    assert_eq!(neumann().verifier().to_string(), NEUMANN_PUBLIC);
    assert_eq!(NEUMANN_PUBLIC.parse(), Ok(neumann().verifier().clone()));
}

#[test]
fn an_independent_implementation_reads_our_notes_and_we_read_its() {
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let mut theirs = TheirNote::new(text.as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&StandardSigner::new(NEUMANN_SECRET).unwrap()]).unwrap();
    let ours = neumann().sign(text);
    assert_eq!(ours.as_bytes(), theirs.to_bytes());

    let verifier = StandardVerifier::new(&key().verifier().to_string()).unwrap();
    let note = key().sign("a\nb\n");
    let read = TheirNote::from_bytes(note.as_bytes()).unwrap();
    let (verified, unverified) = read.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));
}

#[test]
fn signatures_of_unknown_keys_are_ignored_and_do_not_suffice() {
    let text = "text\n";
    let signed = key().sign(text);
    let line = neumann().sign(text).rsplit_once("\n\n").unwrap().1.to_owned();
    let both = format!("{signed}{line}");
    let note = Note::parse(both.as_bytes()).unwrap();
    assert_eq!(note.text(), text);
    assert_eq!(note.verify(&keys()), Ok(()));
    let other = neumann().sign(text);
    assert_eq!(Note::parse(other.as_bytes()).unwrap().verify(&keys()), Err(NoteError::Unsigned));
    assert_eq!(Note::parse(both.as_bytes()).unwrap().verify(&[]), Err(NoteError::Unsigned));
}

#[test]
fn a_wrong_signature_of_a_pinned_key_refuses_the_note() {
    let good = key().sign("text\n");
    let forged = good.replacen("text", "test", 1);
    assert_eq!(Note::parse(forged.as_bytes()).unwrap().verify(&keys()), Err(NoteError::BadSignature));
    let line = forged.rsplit_once("\n\n").unwrap().1;
    let both = format!("{}{}", good, key().sign("other\n").rsplit_once("\n\n").unwrap().1);
    assert!(both.ends_with(key().sign("other\n").rsplit_once("\n\n").unwrap().1) && !line.is_empty());
    assert_eq!(Note::parse(both.as_bytes()).unwrap().verify(&keys()), Err(NoteError::BadSignature));
}

#[test]
fn every_changed_byte_of_a_note_is_refused() {
    let good = key().sign("origin\n1\nroot\n").into_bytes();
    for position in 0..good.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = good.clone();
            changed[position] ^= flip;
            let accepted = Note::parse(&changed).is_ok_and(|note| note.verify(&keys()).is_ok());
            assert!(!accepted, "byte {position} xor {flip:#x}");
        }
    }
}

#[test]
fn malformed_notes_are_refused() {
    let good = key().sign("text\n");
    let line = good.rsplit_once("\n\n").unwrap().1;
    for bad in [
        String::new(),
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        format!("text\n{line}"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        good.replace("\u{2014} ", "- "),
        good.replace("text", "te\txt"),
        format!("text\n\n{}", line.replace(ORIGIN, "with+plus")),
        format!("text\n\n{}", line.replace(ORIGIN, "with\u{a0}space")),
        format!("text\n\n\u{2014} {ORIGIN} AAAAAA==\n"),
        format!("text\n\n{}", line.repeat(MAX_NOTE_SIGNATURES + 1)),
        format!("{}\n\n{line}", "x".repeat(MAX_NOTE_BYTES)),
    ] {
        assert!(matches!(Note::parse(bad.as_bytes()), Err(NoteError::Malformed(_))), "{bad:?}");
    }
    assert!(Note::parse(b"\xff\n\n").is_err());
}

#[test]
fn malformed_verifier_keys_are_refused() {
    let good = key().verifier().to_string();
    let (name, rest) = good.split_once('+').unwrap();
    let (id, data) = rest.split_once('+').unwrap();
    for bad in [
        name.to_owned(),
        format!("{name}+{id}"),
        format!("+{id}+{data}"),
        format!("{name}+{}+{data}", &id[1..]),
        format!("{name}+{id}+{data}="),
        format!("{name}+{id}+{}", STANDARD.encode([&[4][..], &[7; 32]].concat())),
        format!("{name}+{id}+{}", STANDARD.encode([&[1][..], &[7; 31]].concat())),
        format!("{name}x+{id}+{data}"),
        format!("{name} x+{id}+{data}"),
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
    }
    let wrong_id = format!("{name}+00000000+{data}");
    assert_eq!(wrong_id.parse::<VerifierKey>(), Err(KeyError::Id));
    assert_eq!(LogKey::from_seed("", &[0; 32]).unwrap_err(), KeyError::Name);
}

#[test]
fn a_log_key_prints_nothing_secret_and_reads_pkcs8() {
    let printed = format!("{:?}", key());
    assert!(printed.contains(ORIGIN) && !printed.contains("[3, 3") && !printed.contains("0303"));
    let mut pkcs8 = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    pkcs8.extend_from_slice(&[3; 32]);
    assert_eq!(LogKey::from_pkcs8(ORIGIN, &pkcs8).unwrap().verifier(), key().verifier());
    assert_eq!(LogKey::from_pkcs8(ORIGIN, &pkcs8[1..]).unwrap_err(), KeyError::Material);
}
