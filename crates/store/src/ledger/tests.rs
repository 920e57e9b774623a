use std::collections::BTreeSet;

use placet_ledger::{
    LedgerConfig, LogKey,
    disk::{Fault, Faulty, MemoryDisk},
    leaf_hash,
};

use super::*;

/// Which changing operation of an append without a seed is the sync: the nodes and the frame are written before it.
const SYNC: u64 = 2;

fn port() -> (Arc<LedgerPort>, Faulty) {
    let disk = Faulty::new(Arc::new(MemoryDisk::default()));
    let config = LedgerConfig { segment_bytes: 1024 * 1024, ..LedgerConfig::new("/log", "log.example") };
    let key = LogKey::from_seed("log.example", &[7; 32]).unwrap();
    let opened = placet_ledger::Ledger::open(config, key, Arc::new(disk.clone())).unwrap();
    (Arc::new(LedgerPort::new(Arc::new(opened.ledger))), disk)
}

fn leaves(port: &LedgerPort) -> Vec<String> {
    let mut leaves = Vec::new();
    port.scan(0, &mut |index, leaf| {
        assert_eq!(index, leaves.len() as u64);
        leaves.push(String::from_utf8(leaf.to_vec()).unwrap());
        true
    })
    .unwrap();
    leaves
}

async fn until_healthy(port: &LedgerPort) -> Duration {
    let begun = Instant::now();
    while port.health().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", port.health());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn an_appended_leaf_is_in_the_log_under_a_signed_checkpoint() {
    let (port, _) = port();
    let entry = port.append("first".into(), Some(Opening::from_bytes([9; 32]))).await.unwrap();
    assert_eq!((entry.index, entry.leaf_hash), (0, leaf_hash(b"first").0));
    assert_eq!(&*entry.checkpoint, port.ledger.head().note());
    assert!(entry.checkpoint.starts_with("log.example\n1\n"), "{}", entry.checkpoint);
    assert_eq!(port.ledger.opening(0).unwrap(), Some([9; 32]));
    assert_eq!((port.size(), leaves(&port)), (1, vec!["first".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_appends_each_get_a_place_of_their_own() {
    let (port, _) = port();
    let tasks: Vec<_> = (0..256)
        .map(|n| {
            let port = port.clone();
            tokio::spawn(
                async move { (n.to_string(), port.append(n.to_string(), None).await.unwrap().index) },
            )
        })
        .collect();
    let mut places = BTreeSet::new();
    for task in tasks {
        let (leaf, index) = task.await.unwrap();
        assert_eq!(port.ledger.leaf(index).unwrap(), leaf.as_bytes());
        places.insert(index);
    }
    assert_eq!(places, (0..256).collect());
}

#[tokio::test]
async fn a_visitor_stops_when_it_has_seen_enough() {
    let (port, _) = port();
    for leaf in ["a", "b", "c", "d"] {
        port.append(leaf.into(), None).await.unwrap();
    }
    let mut seen = Vec::new();
    port.scan(1, &mut |index, _| {
        seen.push(index);
        index < 2
    })
    .unwrap();
    assert_eq!(seen, [1, 2]);
}

#[tokio::test]
async fn a_stopped_log_refuses_at_once_and_opens_again_when_the_disk_is_well() {
    let (port, disk) = port();
    port.append("before".into(), None).await.unwrap();
    disk.fail_nth(SYNC, Fault::Io, true);
    assert!(port.append("doubtful".into(), None).await.is_err());
    let begun = Instant::now();
    for _ in 0..100 {
        assert!(port.append("refused".into(), None).await.is_err());
    }
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    disk.heal();
    assert!(until_healthy(&port).await < Duration::from_secs(3));
    port.append("after".into(), None).await.unwrap();
    let log = leaves(&port);
    assert_eq!((log.first().unwrap().as_str(), log.last().unwrap().as_str()), ("before", "after"));
    assert!(!log.contains(&"refused".to_owned()), "{log:?}");
}

#[tokio::test]
async fn a_stopped_log_is_tried_again_at_most_once_a_second() {
    let (port, disk) = port();
    port.append("before".into(), None).await.unwrap();
    disk.fail_nth(SYNC, Fault::Io, true);
    assert!(port.append("doubtful".into(), None).await.is_err());
    let begun = Instant::now();
    let before = disk.operations();
    while begun.elapsed() < Duration::from_millis(2_500) {
        assert!(port.append("refused".into(), None).await.is_err());
        let _ = port.health();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // An attempt is a handful of operations; a hot loop would be thousands.
    assert!(disk.operations() - before < 40, "{}", disk.operations() - before);
}

#[tokio::test]
async fn a_full_disk_refuses_and_is_tried_again_after_a_pause() {
    let (port, disk) = port();
    port.append("before".into(), None).await.unwrap();
    disk.fail_nth(0, Fault::NoSpace, true);
    assert!(port.append("refused".into(), None).await.is_err());
    assert!(port.health().is_err());
    disk.heal();
    assert!(until_healthy(&port).await < Duration::from_secs(2));
    port.append("after".into(), None).await.unwrap();
    assert_eq!(leaves(&port), ["before", "after"]);
}

#[tokio::test]
async fn every_failing_operation_ends_in_a_refusal_or_in_the_log_and_never_loses_what_was_acknowledged() {
    for nth in 0..8 {
        let (port, disk) = port();
        port.append("acknowledged".into(), None).await.unwrap();
        disk.fail_nth(nth, Fault::NoSpace, false);
        let fate = port.append("doubtful".into(), None).await;
        disk.heal();
        until_healthy(&port).await;
        port.append("after".into(), None).await.unwrap();
        let log = leaves(&port);
        assert_eq!(log.first().map(String::as_str), Some("acknowledged"));
        assert!(fate.is_err() || log.contains(&"doubtful".to_owned()), "operation {nth}: {log:?}");
    }
}

#[tokio::test]
async fn a_leaf_that_is_too_long_is_refused_and_harms_nothing() {
    let (port, _) = port();
    let refused = port.append("x".repeat(65_536), None).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the ledger cannot be written: the leaf has 65536 bytes, at most 65535 are allowed"
    );
    port.append("short".into(), None).await.unwrap();
    port.health().unwrap();
}
