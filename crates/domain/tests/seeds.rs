//! The seeds of the fuzz targets of this crate: incidents and traps, replayed in every test run.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

#[path = "../../../fuzz/src/json.rs"]
mod json;

/// The longest that one input may take; far more than any needs.
const HANG: Duration = Duration::from_secs(1);

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (bytes, begun) = (fs::read(&path).unwrap(), Instant::now());
        check(&bytes);
        assert!(begun.elapsed() < HANG, "{} took {:?}", path.display(), begun.elapsed());
        seeds += 1;
    }
    assert!(seeds > 5, "the seeds of `{target}` are gone");
}

#[test]
fn every_seed_of_json_is_refused_or_has_one_form() {
    replay("json", json::check);
}
