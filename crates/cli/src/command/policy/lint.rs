//! `placet policy lint`: what the loader would say of the files, and advice that is no reason to refuse them.

use std::path::PathBuf;

use clap::Args;
use placet_domain::Object;
use placet_engine::ports::Clock as _;
use placet_policy::{Finding, Workbench};

use super::{
    material::{Material, Origin},
    sarif::{self, Level},
};
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, out, visible},
    system::SystemClock,
};

#[derive(Debug, Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    origin: Origin,
    /// End with 9 for warnings too
    #[arg(long)]
    strict: bool,
    /// Write the findings as SARIF 2.1.0 as well
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
}

pub(crate) async fn run(lint: &Lint, context: &Context) -> Result<Exit, Failure> {
    let material = Material::read(&lint.origin, context).await?;
    let now = SystemClock::default().now();
    let findings: Vec<(Level, Finding)> = match Workbench::load(&material.sources, &material.config) {
        Ok(workbench) => {
            let warnings = workbench.snapshot().warnings().iter().cloned();
            warnings.chain(workbench.advice(now)).map(|finding| (Level::Warning, finding)).collect()
        }
        Err(errors) => errors.findings.into_iter().map(|finding| (Level::Error, finding)).collect(),
    };
    if let Some(path) = &lint.sarif {
        sarif::write(path, "policy-lint", &findings)?;
    }
    let count = |level| findings.iter().filter(|(one, _)| *one == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    if context.screen.is_json() {
        let told: Vec<Object> = findings.iter().map(|(level, finding)| to_json(*level, finding)).collect();
        let answer = Object::new()
            .with("schema", "placet/v1/policy-lint")
            .with("files", i64::try_from(material.sources.len()).unwrap_or(i64::MAX))
            .with("findings", told);
        context.screen.json(&answer.into());
    } else {
        for (level, finding) in &findings {
            let tone = if *level == Level::Error { Tone::Bad } else { Tone::Attention };
            let word = context.screen.tone(level.as_str(), tone);
            out(&format!("{word}: {}", visible(&finding.to_string())));
        }
        out(&format!("{} files, {errors} errors, {warnings} warnings", material.sources.len()));
    }
    match errors > 0 || lint.strict && warnings > 0 {
        true => Ok(Exit::Findings),
        false => Ok(Exit::Ok),
    }
}

fn to_json(level: Level, finding: &Finding) -> Object {
    let number = |value: Option<usize>| value.and_then(|value| i64::try_from(value).ok());
    Object::new()
        .with("level", level.as_str())
        .with("file", finding.file.as_str())
        .with_some("line", number(finding.line))
        .with_some("column", number(finding.column))
        .with_some("policy", finding.policy.as_deref())
        .with("message", finding.message.as_str())
        .with_some("help", finding.help.as_deref())
}
