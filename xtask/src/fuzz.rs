//! The fuzz targets of `fuzz/`: libFuzzer where there is a nightly compiler, else a mutator without coverage.
//! Both begin with the seeds. A crash, or more than a second for one input, fails.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{failure::Failure, options::Options, process, tree};

/// Seconds for each target.
const SECONDS: u64 = 20;
/// How long the build may take.
const BUILD: Duration = Duration::from_secs(1_200);
/// What a run may take beyond its time: reading the seeds, keeping a failure.
const BESIDE: Duration = Duration::from_secs(60);
/// Seconds for one input.
const HANG: &str = "-timeout=1";
/// The coverage that libFuzzer asks the compiler for, as cargo-fuzz does. No sanitizer: nothing here is unsafe.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1";

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(options: &[String]) -> Result<(), Failure> {
    let seconds = Options::read(options, &["--seconds"])?.number("--seconds").unwrap_or(SECONDS);
    let folder = tree::fresh("fuzz")?;
    let fuzz = tree::root().join("fuzz");
    let targets = targets(&fuzz)?;
    let Some(host) = nightly(&folder)? else {
        println!("no nightly compiler: seeds and blind mutations on stable, without coverage");
        let mutate = build(&fuzz, &folder, None, &["mutate".to_owned()])?.join("mutate");
        return judge(
            &folder,
            &targets,
            |target| {
                let mut command = Command::new(&mutate);
                command.arg(target).arg(fuzz.join("seeds").join(target)).arg(seconds.to_string());
                command
            },
            seconds,
        );
    };
    let binaries = build(&fuzz, &folder, Some(&host), &targets)?;
    judge(
        &folder,
        &targets,
        |target| {
            let corpus = folder.join("corpus").join(target);
            let mut command = Command::new(binaries.join(target));
            command.arg(format!("-max_total_time={seconds}")).args([
                HANG,
                "-rss_limit_mb=1024",
                "-print_final_stats=1",
            ]);
            command.arg(&corpus).arg(fuzz.join("seeds").join(target));
            command
        },
        seconds,
    )
}

/// The targets: the folders of seeds.
fn targets(fuzz: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(fuzz.join("seeds"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The host of the nightly compiler, if there is one.
fn nightly(folder: &Path) -> Result<Option<String>, Failure> {
    let mut rustc = Command::new("rustc");
    let asked = process::finish(rustc.args(["+nightly", "-vV"]), &folder.join("nightly.log"), BESIDE)?;
    let host = asked.output.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned);
    Ok(host.filter(|_| asked.code == Some(0)))
}

/// Builds the targets for libFuzzer, or the mutator; where the binaries are.
fn build(fuzz: &Path, folder: &Path, host: Option<&str>, binaries: &[String]) -> Result<PathBuf, Failure> {
    let output = tree::output().with_file_name("fuzz");
    // Not the `cargo` of this process: that one is tied to the toolchain of the source tree.
    let mut build = Command::new("cargo");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_cargo(name)) {
        build.env_remove(name);
    }
    match host {
        Some(host) => {
            // With a named target the flags do not reach build scripts.
            build.args(["+nightly", "build", "--target", host]).env("RUSTFLAGS", COVERAGE);
        }
        None => {
            build.args(["build", "--no-default-features"]);
        }
    }
    build.args(binaries.iter().flat_map(|binary| ["--bin", binary]));
    build.args(["--release", "--locked", "--target-dir"]).arg(&output).current_dir(fuzz);
    let built = process::finish(&mut build, &folder.join("build.log"), BUILD)?;
    match built.code {
        Some(0) => Ok(host.map_or(output.clone(), |host| output.join(host)).join("release")),
        _ => Err(Failure::Broke(format!("the build failed:\n{}", built.errors))),
    }
}

fn is_cargo(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name == "RUSTUP_TOOLCHAIN"
        || name == "CARGO"
        || name.starts_with("CARGO_PKG")
        || name == "CARGO_MANIFEST_DIR"
}

/// Runs every target and says how it went.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
fn judge(
    folder: &Path,
    targets: &[String],
    command: impl Fn(&str) -> Command,
    seconds: u64,
) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for target in targets {
        fs::create_dir_all(folder.join("corpus").join(target))?;
        let log = folder.join(format!("{target}.log"));
        let mut command = command(target);
        let ended =
            process::finish(command.current_dir(folder), &log, Duration::from_secs(seconds) + BESIDE)?;
        let said = ended.output.trim_end().trim_start_matches(target.as_str()).trim_start_matches(':');
        let says = |key: &str| {
            let line = ended.errors.lines().find_map(|line| line.strip_prefix(key));
            line.map(|value| {
                format!(", {} {}", key.trim_start_matches("stat::").trim_end_matches(':'), value.trim())
            })
        };
        let figures: String = ["stat::number_of_executed_units:", "stat::peak_rss_mb:"]
            .iter()
            .filter_map(|key| says(key))
            .collect();
        let fine = ended.code == Some(0);
        println!("{target}: {}{figures}{}", if fine { "held" } else { "FAILED" }, said);
        if !fine {
            let tail: Vec<_> = ended.errors.lines().rev().take(25).collect();
            println!("{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
            failed.push(target.clone());
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Missed(format!("inputs that fail are in {}: {failed:?}", folder.display()))),
    }
}
