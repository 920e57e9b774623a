//! Cedar's own conformance corpus, and a million generated requests: what decides here against stock Cedar. No decision,
//! no reason and no error may differ. The comparison is `crates/policy/src/decide/tests/corpus.rs`.

use std::{process::Command, time::Duration};

use crate::{failure::Failure, options::Options, process, tree};

/// Requests, where a run is not told otherwise.
const REQUESTS: u64 = 1_000_000;
/// How long the build and the comparison may take.
const COMPARING: Duration = Duration::from_secs(60 * 60);
/// What the comparison says for each part.
const SAID: [&str; 2] = ["generated: ", "cedar's corpus: "];

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(options: &[String]) -> Result<(), Failure> {
    let options = Options::read(options, &["--requests", "--seed"])?;
    let requests = options.number("--requests").unwrap_or(REQUESTS);
    let folder = tree::fresh("corpus")?;
    let mut compare = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    compare.current_dir(tree::root()).args(["test", "--quiet", "--locked", "--lib"]);
    // A few requests are done before an optimised build would be; what `cargo test --workspace` has built is there.
    match requests > OPTIMISED {
        true => compare.args(["--release", "--package", "placet-policy"]),
        false => compare.arg("--workspace"),
    };
    compare
        .args(["decide::tests::corpus", "--", "--nocapture"])
        .env("PLACET_CORPUS_REQUESTS", requests.to_string())
        .env("PLACET_CORPUS_SEED", options.number("--seed").unwrap_or(SEED).to_string());
    let compared = process::finish(&mut compare, &folder.join("compare.log"), COMPARING)?;
    let said: Vec<&str> = SAID
        .iter()
        .filter_map(|part| compared.output.lines().find_map(|line| line.get(line.find(part)?..)))
        .collect();
    if compared.code != Some(0) {
        return Err(Failure::Missed(format!(
            "a decision differs, or nothing was compared:\n{}{}",
            compared.output, compared.errors
        )));
    }
    if said.len() != SAID.len() {
        return Err(Failure::Broke(format!("the comparison gave no figures:\n{}", compared.output)));
    }
    said.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// More than this many requests are worth an optimised build.
const OPTIMISED: u64 = 100_000;
/// The requests of a run that is not told which.
const SEED: u64 = 20_261_122;
