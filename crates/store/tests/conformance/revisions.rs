//! Policy sets, their history, and the candidates.

use placet_domain::{Digest, PolicyRevision};
use placet_engine::{Activation, Candidate, CandidateKind, Origin};

use crate::storage::{Backend, minute, parse};

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// With everything optional.
fn activation(name: &str) -> Activation {
    Activation {
        number: 77,
        revision: PolicyRevision(digest(name)),
        texts: digest("texts"),
        files: Some(digest("files")),
        at: minute(1),
        by: Some(parse("ana@example.com")),
        approved_by: Some(parse("bo")),
        origin: Origin::Git("0123456789abcdef0123456789abcdef01234567".to_owned()),
        returns_to: Some(3),
    }
}

fn candidate(kind: CandidateKind, name: &str) -> Candidate {
    Candidate {
        kind,
        revision: PolicyRevision(digest(name)),
        texts: digest("texts"),
        base: digest("base"),
        agents: vec![parse("billing"), parse("sales")],
        at: minute(2),
        by: None,
        origin: Origin::Folder,
        since: 41,
    }
}

pub(crate) async fn a_document_is_found_by_its_digest_and_stays(backend: &impl Backend) {
    let revisions = backend.open().await.revisions;
    assert_eq!(revisions.document(digest("a")).await.unwrap(), None);
    let text = "a \u{1} ünïcode \"text\"\n".to_owned();
    revisions.keep(vec![(digest("a"), text.clone()), (digest("b"), String::new())]).await.unwrap();
    revisions.keep(vec![(digest("a"), "another".to_owned())]).await.unwrap();
    assert_eq!(revisions.document(digest("a")).await.unwrap(), Some(text));
    assert_eq!(revisions.document(digest("b")).await.unwrap().as_deref(), Some(""));
}

pub(crate) async fn activations_are_numbered_and_listed_newest_first(backend: &impl Backend) {
    let revisions = backend.open().await.revisions;
    assert_eq!(revisions.history(9).await.unwrap(), []);
    let bare = Activation { files: None, by: None, approved_by: None, returns_to: None, ..activation("two") };
    assert_eq!(revisions.activate(activation("one")).await.unwrap(), 1);
    assert_eq!(revisions.activate(bare.clone()).await.unwrap(), 2);
    let (one, two) = (Activation { number: 1, ..activation("one") }, Activation { number: 2, ..bare });
    assert_eq!(revisions.history(9).await.unwrap(), [two.clone(), one.clone()]);
    assert_eq!(revisions.history(1).await.unwrap(), [two]);
    assert_eq!(revisions.activation(1).await.unwrap(), Some(one));
    assert_eq!(revisions.activation(9).await.unwrap(), None);
}

pub(crate) async fn only_the_newest_activation_is_taken_back(backend: &impl Backend) {
    let revisions = backend.open().await.revisions;
    for name in ["one", "two"] {
        revisions.activate(activation(name)).await.unwrap();
    }
    revisions.take_back(1).await.unwrap();
    assert_eq!(revisions.history(9).await.unwrap().len(), 2);
    revisions.take_back(2).await.unwrap();
    assert_eq!(revisions.history(9).await.unwrap().len(), 1);
    assert_eq!(revisions.activate(activation("three")).await.unwrap(), 2);
}

pub(crate) async fn a_candidate_replaces_the_one_of_its_kind(backend: &impl Backend) {
    let revisions = backend.open().await.revisions;
    for (kind, name) in
        [(CandidateKind::Shadow, "one"), (CandidateKind::Canary, "two"), (CandidateKind::Shadow, "three")]
    {
        revisions.put_candidate(candidate(kind, name)).await.unwrap();
    }
    let expected = [candidate(CandidateKind::Canary, "two"), candidate(CandidateKind::Shadow, "three")];
    assert_eq!(revisions.candidates().await.unwrap(), expected);
    assert!(revisions.remove_candidate(CandidateKind::Canary).await.unwrap());
    assert!(!revisions.remove_candidate(CandidateKind::Canary).await.unwrap());
    assert_eq!(revisions.candidates().await.unwrap(), expected[1..]);
}

pub(crate) async fn a_restart_keeps_documents_history_and_candidates(backend: &impl Backend) {
    let revisions = backend.open().await.revisions;
    revisions.keep(vec![(digest("a"), "a".to_owned())]).await.unwrap();
    revisions.activate(activation("one")).await.unwrap();
    revisions.put_candidate(candidate(CandidateKind::Proposed, "two")).await.unwrap();
    drop(revisions);
    let revisions = backend.open().await.revisions;
    assert_eq!(revisions.document(digest("a")).await.unwrap().as_deref(), Some("a"));
    assert_eq!(revisions.history(9).await.unwrap(), [Activation { number: 1, ..activation("one") }]);
    assert_eq!(revisions.candidates().await.unwrap(), [candidate(CandidateKind::Proposed, "two")]);
}
