//! `placet policy test`: every test beside the policies, judged by them. No server, no clock, no registry.

use std::path::PathBuf;

use clap::Args;
use placet_domain::Object;
use placet_policy::{Explanation, Workbench};

use super::{
    cases::{self, Written},
    junit::{self, Outcome},
    material::{Material, Origin, files_in},
    telling,
};
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, out, visible},
};

#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// Write a JUnit report as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Name the tests that pass, too
    #[arg(long)]
    all: bool,
}

/// Which tests of which policies.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Test files or folders (default: `tests/*.toml` beside the policy files)
    #[arg(value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    origin: Origin,
}

/// A test that was run.
pub(crate) struct Ran {
    pub(crate) written: Written,
    /// What was not as expected.
    pub(crate) wrong: Vec<String>,
    /// What the policies said; nothing if there was no request.
    pub(crate) explanation: Option<Explanation>,
}

impl Chosen {
    /// Loads the policies and runs their tests.
    pub(crate) async fn run(&self, context: &Context) -> Result<(Workbench, Vec<Ran>), Failure> {
        let material = Material::read(&self.origin, context).await?;
        let workbench = material.workbench()?;
        let mut files = Vec::new();
        for path in &self.files {
            match path.is_dir() {
                true => files.extend(files_in(path, "toml")?),
                false => files.push(path.clone()),
            }
        }
        if self.files.is_empty() {
            files = material.beside("tests", "toml")?;
        }
        let mut written = Vec::new();
        for file in &files {
            written.extend(cases::read(file)?);
        }
        if written.is_empty() {
            let why = "there are no tests\n  next: write `tests/*.toml` beside the policies; docs/policies/working.md";
            return Err(Failure::new(why).with_exit(Exit::NotFound));
        }
        let ran = written.into_iter().map(|one| ran(&workbench, one)).collect();
        Ok((workbench, ran))
    }
}

/// Runs one test.
pub(crate) fn ran(workbench: &Workbench, written: Written) -> Ran {
    match written.case.request(workbench.snapshot()) {
        Ok(request) => {
            let explanation = workbench.explain(&request);
            let wrong = written.case.expects.differences(&explanation.decision);
            Ran { written, wrong, explanation: Some(explanation) }
        }
        Err(why) => Ran { written, wrong: vec![format!("it is no call: {why}")], explanation: None },
    }
}

pub(crate) async fn run(test: &Test, context: &Context) -> Result<Exit, Failure> {
    let (_, ran) = test.chosen.run(context).await?;
    if let Some(path) = &test.junit {
        junit::write(path, &ran.iter().map(outcome).collect::<Vec<_>>())?;
    }
    let failed = ran.iter().filter(|one| !one.wrong.is_empty()).count();
    if context.screen.is_json() {
        let tests: Vec<Object> = ran.iter().map(to_json).collect();
        let answer = Object::new()
            .with("schema", "placet/v1/policy-test")
            .with("passed", number(ran.len() - failed))
            .with("failed", number(failed))
            .with("tests", tests);
        context.screen.json(&answer.into());
    } else {
        for one in ran.iter().filter(|one| test.all || !one.wrong.is_empty()) {
            tell(one, context);
        }
        out(&format!("{} tests, {} passed, {failed} failed", ran.len(), ran.len() - failed));
    }
    Ok(if failed > 0 { Exit::Findings } else { Exit::Ok })
}

fn tell(ran: &Ran, context: &Context) {
    let Written { file, line, case, told } = &ran.written;
    let word = match ran.wrong.is_empty() {
        true => context.screen.tone("pass", Tone::Good),
        false => context.screen.tone("FAIL", Tone::Bad),
    };
    out(&format!("{word} {file}:{line} {}", visible(&case.name)));
    if ran.wrong.is_empty() {
        return;
    }
    out(&format!("  {}", visible(told)));
    ran.wrong.iter().for_each(|why| out(&format!("  {}", visible(why))));
    for line in ran.explanation.as_ref().map(telling::lines).unwrap_or_default() {
        out(&format!("    {line}"));
    }
}

fn outcome(ran: &Ran) -> Outcome {
    let Written { file, line, case, told } = &ran.written;
    let mut wrong = ran.wrong.clone();
    if !wrong.is_empty() {
        wrong.extend(ran.explanation.as_ref().map(telling::lines).unwrap_or_default());
        wrong.push(format!("{file}:{line}"));
    }
    Outcome { suite: file.clone(), name: format!("{}: {told}", case.name), wrong }
}

fn to_json(ran: &Ran) -> Object {
    let Written { file, line, case, told } = &ran.written;
    Object::new()
        .with("file", file.as_str())
        .with("line", number(*line))
        .with("name", case.name.as_str())
        .with("call", told.as_str())
        .with("passed", ran.wrong.is_empty())
        .with("wrong", ran.wrong.iter().map(String::as_str).collect::<Vec<_>>())
        .with_some(
            "explanation",
            ran.explanation.as_ref().filter(|_| !ran.wrong.is_empty()).map(telling::to_json),
        )
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
