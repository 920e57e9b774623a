//! Signed policies: one of their files, of comments alone, holds a signed note about all the others. So a signature is
//! kept, promoted and rolled back with what it is about. Why is in `docs/decisions/0022`.

use placet_ledger::{Note, VerifierKey};
use placet_policy::PolicySource;

/// The first line of what is signed: what kind of text it is.
const KIND: &str = "placet.dev/policy-signature/v1";

/// What is signed: the kind, and the digest of all policies but signatures.
#[must_use]
pub fn text_to_sign(sources: &[PolicySource]) -> String {
    let others: Vec<PolicySource> =
        sources.iter().filter(|source| signature_in(&source.text).is_none()).cloned().collect();
    format!("{KIND}\n{}\n", PolicySource::digest(&others))
}

/// A signed note as the text of a policy file.
#[must_use]
pub fn signature_file(note: &str) -> String {
    note.lines().map(|line| format!("// {line}").trim_end().to_owned() + "\n").collect()
}

/// The note in the text of a policy file; `None` if it is any other file.
///
/// Such a file is not covered by the signature, so nothing in it may be read as a policy: each line is a comment, and no
/// character but a line feed can end one.
#[must_use]
pub fn signature_in(text: &str) -> Option<String> {
    let is_plain = |one: char| matches!(one, '\n' | '\u{2014}' | ' '..='~');
    if !text.chars().all(is_plain) {
        return None;
    }
    let mut note = String::new();
    for line in text.split_terminator('\n') {
        let line = line.strip_prefix("//")?;
        note.push_str(line.strip_prefix(' ').unwrap_or(line));
        note.push('\n');
    }
    note.starts_with(KIND).then_some(note)
}

/// Why policies are not taken; `None` if nobody has to sign them, or one of these has.
pub(super) fn unsigned(signers: &[VerifierKey], sources: &[PolicySource]) -> Option<String> {
    if signers.is_empty() {
        return None;
    }
    let wanted = text_to_sign(sources);
    let is_good = |note: String| {
        Note::parse(note.as_bytes()).is_ok_and(|note| note.text() == wanted && note.verify(signers).is_ok())
    };
    match sources.iter().filter_map(|source| signature_in(&source.text)).any(is_good) {
        true => None,
        false => Some(
            "no key of `policy.signers` has signed exactly these policies; whoever holds one runs `placet policy sign`"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use placet_ledger::LogKey;

    use super::*;

    fn source(name: &str, text: &str) -> PolicySource {
        PolicySource { name: name.to_owned(), text: text.to_owned() }
    }

    fn key(seed: u8) -> LogKey {
        LogKey::from_seed("security@corp.example", &[seed; 32]).unwrap()
    }

    fn signed(by: &LogKey, mut sources: Vec<PolicySource>) -> Vec<PolicySource> {
        let note = by.sign(&text_to_sign(&sources));
        sources.push(source("signature.cedar", &signature_file(&note)));
        sources
    }

    #[test]
    fn policies_are_taken_as_they_were_signed_by_a_key_that_is_named_and_in_no_other_way() {
        let (ours, theirs) = (key(1), key(2));
        let signers = [ours.verifier().clone()];
        let set = || vec![source("a.cedar", "permit (principal, action, resource);"), source("b.cedar", "")];
        let good = signed(&ours, set());
        assert_eq!(unsigned(&signers, &good), None);
        // Nobody has to; a second signature does no harm, nor does the order of files.
        assert_eq!(unsigned(&[], &set()), None);
        let mut both = signed(&theirs, good.clone());
        both.reverse();
        assert_eq!(unsigned(&signers, &both), None);
        assert!(unsigned(&signers, &set()).is_some());
        assert!(unsigned(&signers, &signed(&theirs, set())).is_some());
        for change in 0..4 {
            let mut other = good.clone();
            match change {
                0 => other[0].text.push(' '),
                1 => other[0].name = "c.cedar".to_owned(),
                2 => drop(other.remove(1)),
                _ => other.push(source("d.cedar", "// more")),
            }
            assert!(unsigned(&signers, &other).is_some(), "change {change}");
        }
    }

    #[test]
    fn nothing_that_could_be_a_policy_hides_in_a_signature() {
        let (ours, rule) = (key(1), "permit (principal, action, resource);");
        let file = signature_file(&ours.sign(&text_to_sign(&[])));
        assert!(signature_in(&file).is_some());
        for hidden in [
            format!("{file}{rule}\n"),
            format!("{file}//\r{rule}\n"),
            format!("{file}//\u{2028}{rule}\n"),
            format!("{file}// a\u{0b}{rule}\n"),
            format!("{file}\n"),
            format!(" {file}"),
        ] {
            assert_eq!(signature_in(&hidden), None, "{hidden:?}");
        }
        assert_eq!(signature_in(""), None);
        assert_eq!(signature_in("// an ordinary comment\n"), None);
    }
}
