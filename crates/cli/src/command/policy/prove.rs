//! `placet policy prove`: invariants that hold for every call, rules that never err, rules that are not dead.
//! Without a solver nothing is proved, and that is what it says: exit code 77.

use std::path::{Path, PathBuf};

use clap::Args;
use placet_domain::Object;
use placet_policy::{Finding, PolicySource};
use placet_prove::{Check, Counterexample, Invariant, Proof, Rules, Solver, Subject, Verdict, prove};

use super::{
    material::{Material, Origin, files_in},
    sarif::{self, Level},
    written,
};
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, note, out, visible},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Needs cvc5: the package `cvc5`, or the variable CVC5. Without it nothing is proved, exit code 77."
)]
pub(crate) struct Prove {
    /// Invariant files or folders (default: `invariants/*.cedar` beside the policy files)
    #[arg(value_name = "PATH")]
    invariants: Vec<PathBuf>,
    #[command(flatten)]
    origin: Origin,
    /// Write what was not proved as SARIF 2.1.0 as well
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Write each counterexample as a test to this folder
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

/// The solver, or the words for its absence.
pub(crate) fn solver() -> Result<Solver, String> {
    let (named, path) = (std::env::var_os("CVC5"), std::env::var_os("PATH"));
    Solver::find(named.as_deref(), path.as_deref()).map_err(|error| error.to_string())
}

pub(crate) async fn run(wanted: &Prove, context: &Context) -> Result<Exit, Failure> {
    let material = Material::read(&wanted.origin, context).await?;
    let refused =
        |errors: placet_policy::LoadErrors| Failure::new(errors.to_string()).with_exit(Exit::Findings);
    let rules = Rules::load(&material.sources, &material.config).map_err(refused)?;
    let invariants = Invariant::read(&sources(wanted, &material)?, &rules).map_err(refused)?;
    let solver = match solver() {
        Ok(solver) => solver,
        Err(why) => return Ok(skipped(&why, context)),
    };
    let proof = prove(&solver, &rules, &invariants).await.map_err(Failure::of("nothing was proved"))?;
    if let Some(path) = &wanted.sarif {
        let findings: Vec<(Level, Finding)> = proof.checks.iter().filter_map(finding).collect();
        sarif::write(path, "policy-prove", &findings)?;
    }
    if let Some(folder) = &wanted.write {
        for check in &proof.checks {
            if let Verdict::Refuted(Some(example)) = &check.verdict {
                write(folder, &check.id, example)?;
            }
        }
    }
    match context.screen.is_json() {
        true => context.screen.json(&to_json(&proof).into()),
        false => show(&proof, context),
    }
    Ok(if proof.holds() { Exit::Ok } else { Exit::Findings })
}

/// Says that nothing was proved, and why.
pub(crate) fn skipped(why: &str, context: &Context) -> Exit {
    if context.screen.is_json() {
        let answer =
            Object::new().with("schema", "placet/v1/policy-prove").with("proved", false).with("skipped", why);
        context.screen.json(&answer.into());
    }
    note(&format!("skipped: {why}"));
    Exit::Skipped
}

fn sources(wanted: &Prove, material: &Material) -> Result<Vec<PolicySource>, Failure> {
    let mut files = Vec::new();
    for path in &wanted.invariants {
        match path.is_dir() {
            true => files.extend(files_in(path, "cedar")?),
            false => files.push(path.clone()),
        }
    }
    if wanted.invariants.is_empty() {
        files = material.beside("invariants", "cedar")?;
    }
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path)
            .map_err(Failure::of(format!("{} cannot be read", path.display())))?;
        Ok(PolicySource { name: path.display().to_string(), text })
    };
    files.iter().map(read).collect()
}

fn show(proof: &Proof, context: &Context) {
    for check in &proof.checks {
        let head = format!("{} `{}` {}:{}", subject(check), visible(&check.id), check.file, check.line);
        match &check.verdict {
            // That rules are sound is what one expects: only invariants are told one by one.
            Verdict::Proved if check.subject == Subject::Invariant => {
                out(&format!(
                    "{} {head}: {}",
                    context.screen.tone("proved", Tone::Good),
                    visible(&check.says)
                ));
            }
            Verdict::Proved => {}
            Verdict::Unsure(why) => {
                out(&format!("{} {head}: {}", context.screen.tone("UNSURE", Tone::Bad), visible(why)));
            }
            Verdict::Refuted(example) => {
                out(&format!("{} {head}: {}", context.screen.tone("REFUTED", Tone::Bad), wrong(check)));
                if let Some(example) = example {
                    out(&format!("\n{}", told(example)));
                }
            }
        }
    }
    let count = |wanted: &Subject| {
        let of = proof.checks.iter().filter(|check| check.subject == *wanted);
        let proved = of.clone().filter(|check| check.verdict == Verdict::Proved).count();
        format!("{proved} of {}", of.count())
    };
    out(&format!(
        "{} invariants proved, {} vetoes and gates never err, {} policies are alive; {} questions to the solver",
        count(&Subject::Invariant),
        count(&Subject::NeverErrs),
        count(&Subject::Alive),
        proof.questions
    ));
}

/// A counterexample as a test, with a word on whether it shows what it should.
pub(crate) fn told(example: &Counterexample) -> String {
    let word = match example.confirmed {
        true => "This test fails until the policies are mended.",
        false => {
            "The solver's request is not one that the gateway builds exactly so: this test passes. Look at the rule all \
             the same."
        }
    };
    written::to_toml(&example.case, word)
}

fn write(folder: &Path, id: &str, example: &Counterexample) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(Failure::of(format!("the folder {} cannot be made", folder.display())))?;
    // An id can hold anything that a text can: only plain letters of it become a file's name.
    let name: String =
        id.chars().map(|one| if one.is_ascii_alphanumeric() || one == '-' { one } else { '_' }).collect();
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&path, told(example))
        .map_err(Failure::of(format!("{} cannot be written", path.display())))?;
    note(&format!("wrote {}", path.display()));
    Ok(())
}

fn subject(check: &Check) -> &'static str {
    match check.subject {
        Subject::Invariant => "invariant",
        Subject::NeverErrs => "policy",
        Subject::Alive => "policy",
    }
}

fn wrong(check: &Check) -> String {
    match check.subject {
        Subject::Invariant => format!("not so: {}", visible(&check.says)),
        Subject::NeverErrs => "it can fail to be evaluated, and then the call is denied".to_owned(),
        Subject::Alive => "no request can ever meet it".to_owned(),
    }
}

fn finding(check: &Check) -> Option<(Level, Finding)> {
    let message = match &check.verdict {
        Verdict::Proved => return None,
        Verdict::Refuted(_) => wrong(check),
        Verdict::Unsure(why) => format!("not proved: {why}"),
    };
    let finding = Finding {
        file: check.file.clone(),
        line: Some(check.line),
        column: None,
        policy: Some(check.id.clone()),
        message,
        help: None,
    };
    Some((Level::Error, finding))
}

fn to_json(proof: &Proof) -> Object {
    let checks: Vec<Object> = proof.checks.iter().map(check_json).collect();
    Object::new()
        .with("schema", "placet/v1/policy-prove")
        .with("proved", proof.holds())
        .with("questions", i64::try_from(proof.questions).unwrap_or(i64::MAX))
        .with("checks", checks)
}

fn check_json(check: &Check) -> Object {
    let kind = match check.subject {
        Subject::Invariant => "invariant",
        Subject::NeverErrs => "never_errs",
        Subject::Alive => "alive",
    };
    let (verdict, why, example) = match &check.verdict {
        Verdict::Proved => ("proved", None, None),
        Verdict::Unsure(why) => ("unsure", Some(why.as_str()), None),
        Verdict::Refuted(example) => ("refuted", None, example.as_ref()),
    };
    Object::new()
        .with("check", kind)
        .with("id", check.id.as_str())
        .with("file", check.file.as_str())
        .with("line", i64::try_from(check.line).unwrap_or(i64::MAX))
        .with("says", check.says.as_str())
        .with("verdict", verdict)
        .with_some("why", why)
        .with_some("test", example.map(|example| told(example)))
        .with_some("confirmed", example.map(|example| example.confirmed))
}
