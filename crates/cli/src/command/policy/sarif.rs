//! SARIF 2.1.0 (OASIS), as code hosts read it: findings with their places.

use std::path::Path;

use placet_domain::{Json, Object};
use placet_policy::Finding;

use crate::{failure::Failure, print::pretty};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
}

impl Level {
    /// SARIF's word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Writes findings of one kind of check.
pub(crate) fn write(path: &Path, rule: &str, findings: &[(Level, Finding)]) -> Result<(), Failure> {
    std::fs::write(path, pretty(&log(rule, findings)) + "\n")
        .map_err(Failure::of(format!("{} cannot be written", path.display())))
}

fn log(rule: &str, findings: &[(Level, Finding)]) -> Json {
    let results: Vec<Object> =
        findings.iter().map(|(level, finding)| result(rule, *level, finding)).collect();
    let driver = Object::new()
        .with("name", "placet")
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("rules", vec![Object::new().with("id", rule)]);
    let run = Object::new().with("tool", Object::new().with("driver", driver)).with("results", results);
    Object::new()
        .with("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
        .with("version", "2.1.0")
        .with("runs", vec![run])
        .into()
}

fn result(rule: &str, level: Level, finding: &Finding) -> Object {
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let region = finding.line.map(|line| {
        Object::new().with("startLine", number(line)).with_some("startColumn", finding.column.map(number))
    });
    let uri = finding.file.trim_start_matches("./").replace('\\', "/");
    let place =
        Object::new().with("artifactLocation", Object::new().with("uri", uri)).with_some("region", region);
    let told = match (&finding.policy, &finding.help) {
        (Some(policy), Some(help)) => format!("policy `{policy}`: {}; {help}", finding.message),
        (Some(policy), None) => format!("policy `{policy}`: {}", finding.message),
        (None, Some(help)) => format!("{}; {help}", finding.message),
        (None, None) => finding.message.clone(),
    };
    Object::new()
        .with("ruleId", rule)
        .with("level", level.as_str())
        .with("message", Object::new().with("text", told))
        .with("locations", vec![Object::new().with("physicalLocation", place)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_becomes_a_result_with_its_place() {
        let finding = Finding {
            file: "policies/a.cedar".to_owned(),
            line: Some(3),
            column: Some(1),
            policy: Some("p".to_owned()),
            message: "it is wrong".to_owned(),
            help: Some("mend it".to_owned()),
        };
        let log = log("policy-lint", &[(Level::Error, finding)]).canonical();
        assert!(
            log.contains(r#""level":"error""#) && log.contains(r#""startColumn":1,"startLine":3"#),
            "{log}"
        );
        assert!(log.contains("policy `p`: it is wrong; mend it"), "{log}");
    }
}
