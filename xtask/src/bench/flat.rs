//! Whether what a call looks up takes as long among many as among few: grants for a time, and the counters of limits.

use std::{collections::BTreeMap, process::Command};

use super::{MEASURING, is_quick, verdict};
use crate::{failure::Failure, process, tree};

/// How much longer it may take among 100,000 than among 1,000.
const BAR: f64 = 1.5;

/// Runs the benchmark.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let quick = is_quick(arguments)?;
    let folder = tree::fresh("bench-flat")?;
    let mut run = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    run.current_dir(tree::root())
        .args(["test", "--release", "--quiet", "--locked", "--package", "placet-engine", "--lib", "--"])
        .args(["--ignored", "--nocapture", "--test-threads=1", "measured_"]);
    let finished = process::finish(&mut run, &folder.join("bench.log"), MEASURING)?;
    if finished.code != Some(0) {
        return Err(Failure::Broke(format!("it ended with {:?}:\n{}", finished.code, finished.errors)));
    }
    let mut figures: BTreeMap<String, Vec<[f64; 2]>> = BTreeMap::new();
    for line in finished.output.lines().filter_map(|line| line.split_once("flat ")) {
        let words: Vec<&str> = line.1.split_whitespace().collect();
        let [what, size, mean, tail] = words.as_slice() else { continue };
        println!("{what}: {mean} ns in the mean, {tail} ns at p99, among {size}");
        let [mean, tail] = [mean, tail].map(|figure| figure.parse().unwrap_or(f64::NAN));
        figures.entry((*what).to_owned()).or_default().push([mean, tail]);
    }
    let mut bars = Vec::new();
    for what in ["counters", "grants"] {
        let of = figures.get(what).map(Vec::as_slice).unwrap_or_default();
        let [[few, few_tail], .., [many, many_tail]] = of else {
            return Err(Failure::Broke(format!("nothing was measured of {what}")));
        };
        for (name, few, many) in [("mean", few, many), ("p99", few_tail, many_tail)] {
            let ratio = many / few;
            bars.push((
                format!("{what}: {name} among 100,000 ≤ {BAR} × that among 1,000 ({ratio:.2})"),
                ratio <= BAR,
            ));
        }
    }
    verdict(&bars, quick)
}
