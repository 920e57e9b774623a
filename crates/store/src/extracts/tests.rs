use std::sync::atomic::AtomicU8;

use placet_domain::{CallId, Object};

use super::*;

/// Every nonce is another one.
#[derive(Debug, Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, Ordering::SeqCst));
    }
}

const KEY: [u8; 32] = [7; 32];

fn moment(days: i64) -> Timestamp {
    Timestamp::from_micros((20_000 + days) * DAY * 1_000_000)
}

fn open(folder: &Path, key: [u8; 32], now: Timestamp) -> FileExtracts {
    let keep = Duration::from_secs(3 * 86_400);
    FileExtracts::open(folder, ExtractKey(key), Arc::<Counting>::default(), keep, now).unwrap()
}

fn keep(extracts: &FileExtracts, number: u8, at: Timestamp) -> String {
    let call = CallId::new(at, [number; 10]);
    let make = move || Json::Object(Object::new().with("secret", format!("number {number}")));
    extracts.keep(PendingExtract { call, at, make: Box::new(make) });
    call.to_string()
}

fn found(extracts: &FileExtracts, day: i64) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut take = |call: &str, extract: Json| {
        found.push((call.to_owned(), extract.member("secret").and_then(Json::as_str).unwrap().to_owned()));
    };
    extracts.day(20_000 + day, &mut take).unwrap();
    found
}

#[test]
fn extracts_are_found_by_their_day_through_a_restart_and_nothing_readable_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let extracts = open(folder.path(), KEY, moment(0));
    let first = keep(&extracts, 1, moment(0));
    let second = keep(&extracts, 2, moment(1));
    assert_eq!(found(&extracts, 0), [(first.clone(), "number 1".to_owned())]);
    drop(extracts);
    let extracts = open(folder.path(), KEY, moment(1));
    let third = keep(&extracts, 3, moment(1));
    assert_eq!(found(&extracts, 1), [(second, "number 2".to_owned()), (third, "number 3".to_owned())]);
    assert_eq!(extracts.days().unwrap(), [20_000, 20_001]);
    for day in [20_000, 20_001] {
        let bytes = fs::read(folder.path().join(name_of(day))).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"number" || part == b"secret"));
    }
    assert_eq!(found(&open(folder.path(), [8; 32], moment(1)), 0), [], "another key opens nothing");
}

#[test]
fn a_file_whose_time_is_over_is_removed_at_a_start_and_when_a_day_begins() {
    let folder = tempfile::tempdir().unwrap();
    let extracts = open(folder.path(), KEY, moment(0));
    keep(&extracts, 1, moment(0));
    keep(&extracts, 2, moment(3));
    assert_eq!(found(&extracts, 0).len(), 1);
    keep(&extracts, 3, moment(4));
    assert_eq!((found(&extracts, 0).len(), found(&extracts, 3).len()), (0, 1));
    drop(extracts);
    assert_eq!(found(&open(folder.path(), KEY, moment(9)), 3), []);
}

#[test]
fn what_is_erased_is_gone_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let extracts = open(folder.path(), KEY, moment(0));
    let calls = [1, 2, 3].map(|number| keep(&extracts, number, moment(0)));
    assert_eq!(extracts.erase(&mut |call, _| call == calls[1]).unwrap(), 1);
    assert_eq!(extracts.erase(&mut |call, _| call == calls[1]).unwrap(), 0);
    let left: Vec<_> = found(&extracts, 0).into_iter().map(|(call, _)| call).collect();
    assert_eq!(left, [calls[0].clone(), calls[2].clone()]);
    keep(&extracts, 4, moment(0));
    assert_eq!(found(&extracts, 0).len(), 3);
    assert_eq!(extracts.lost(), 0);
}

#[test]
fn a_frame_that_a_crash_has_cut_short_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let extracts = open(folder.path(), KEY, moment(0));
    keep(&extracts, 1, moment(0));
    keep(&extracts, 2, moment(0));
    drop(extracts);
    let path = folder.path().join(name_of(20_000));
    let bytes = fs::read(&path).unwrap();
    for cut in [1, 5, 20, 40] {
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        let extracts = open(folder.path(), KEY, moment(0));
        keep(&extracts, 3, moment(0));
        let secrets: Vec<_> = found(&extracts, 0).into_iter().map(|(_, secret)| secret).collect();
        assert_eq!(secrets, ["number 1", "number 3"], "{cut}");
    }
}
