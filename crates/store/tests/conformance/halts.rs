//! Sentences of `Halts`.

use placet_domain::Halt;

use crate::storage::{Backend, minute, parse};

fn halt(target: &str, n: i64) -> Halt {
    Halt {
        target: parse(target),
        reason: "it \"mails\" ünïcode\nto everybody".to_owned(),
        by: parse("ana@example.com"),
        at: minute(n),
        recorded: false,
    }
}

const TARGETS: [&str; 5] = [
    "agent:billing",
    "all",
    "connector:crm.eu",
    "instance:ins_01k9sbabr0e1q4w7r9t0v2x5z8",
    "tool:crm/fs/read.v2",
];

pub(crate) async fn nothing_is_stopped_at_first(backend: &dyn Backend) {
    assert_eq!(backend.open().await.halts.halts(), []);
}

pub(crate) async fn a_halt_is_seen_by_every_later_read(backend: &dyn Backend) {
    let halts = backend.open().await.halts;
    halts.put(halt("agent:billing", 1)).await.unwrap();
    assert_eq!(halts.halts(), [halt("agent:billing", 1)]);
}

pub(crate) async fn a_halt_replaces_the_one_of_its_target(backend: &dyn Backend) {
    let halts = backend.open().await.halts;
    halts.put(halt("all", 1)).await.unwrap();
    let recorded = Halt { recorded: true, ..halt("all", 1) };
    halts.put(recorded.clone()).await.unwrap();
    assert_eq!(halts.halts(), [recorded]);
}

pub(crate) async fn a_lifted_halt_is_gone_and_lifting_nothing_is_false(backend: &dyn Backend) {
    let halts = backend.open().await.halts;
    for target in TARGETS {
        halts.put(halt(target, 1)).await.unwrap();
    }
    assert!(halts.lift(&parse("agent:billing")).await.unwrap());
    assert!(!halts.lift(&parse("agent:billing")).await.unwrap());
    assert!(!halts.lift(&parse("tool:crm/other")).await.unwrap());
    assert_eq!(halts.halts().len(), TARGETS.len() - 1);
}

pub(crate) async fn a_restart_keeps_halts_and_lifts(backend: &dyn Backend) {
    let before = backend.open().await.halts;
    for target in TARGETS {
        before.put(halt(target, 2)).await.unwrap();
    }
    before.put(Halt { recorded: true, ..halt("all", 2) }).await.unwrap();
    assert!(before.lift(&parse("agent:billing")).await.unwrap());
    drop(before);
    let mut kept = backend.open().await.halts.halts();
    kept.sort_by(|left, right| left.target.cmp(&right.target));
    let mut expected: Vec<_> = TARGETS.iter().skip(1).map(|target| halt(target, 2)).collect();
    expected.sort_by(|left, right| left.target.cmp(&right.target));
    expected[0].recorded = true;
    assert_eq!(kept, expected);
}
