//! The claims of platforms that are federated most, so that an operator names what they know.
//!
//! | Platform | Issuer | Claims that say who it is |
//! |---|---|---|
//! | Kubernetes | the cluster's, see `/.well-known/openid-configuration` | `sub` = `system:serviceaccount:ns:name`, `kubernetes.io` |
//! | GitHub Actions | `https://token.actions.githubusercontent.com` | `repository`, `ref`, `environment`, `job_workflow_ref` |
//! | GitLab | `https://gitlab.com`, or your own | `project_path`, `ref`, `ref_protected` |

use super::Condition;
use crate::{ParsePathError, ParsePatternError};

/// Issuer of GitHub's workflow tokens.
const GITHUB: &str = "https://token.actions.githubusercontent.com";

impl Condition {
    /// A condition of two texts.
    ///
    /// # Errors
    /// A path or pattern that is not of its form; the message says which.
    pub fn parse(path: &str, pattern: &str) -> Result<Self, ConditionError> {
        Ok(Self { path: path.parse()?, pattern: pattern.parse()? })
    }

    /// A Kubernetes service account. `sub` alone would do; the nested claims are compared too, because they are what
    /// a bound token has and a legacy token of the same name has not.
    ///
    /// # Errors
    /// A name that is not a pattern.
    pub fn kubernetes(namespace: &str, service_account: &str) -> Result<Vec<Self>, ConditionError> {
        Ok(vec![
            Self::parse("sub", &format!("system:serviceaccount:{namespace}:{service_account}"))?,
            Self::parse("/kubernetes.io/namespace", namespace)?,
            Self::parse("/kubernetes.io/serviceaccount/name", service_account)?,
        ])
    }

    /// A GitHub Actions workflow of one repository (`owner/name`) on one ref (`refs/heads/main`). A pull request from a
    /// fork runs on `refs/pull/…`: a pattern over all refs would let its author in.
    ///
    /// # Errors
    /// A text that is not a pattern.
    pub fn github_actions(repository: &str, reference: &str) -> Result<Vec<Self>, ConditionError> {
        Ok(vec![Self::parse("repository", repository)?, Self::parse("ref", reference)?])
    }

    /// The issuer of GitHub's workflow tokens, the same for all of the world's repositories.
    #[must_use]
    pub fn github_issuer() -> &'static str {
        GITHUB
    }

    /// A GitLab pipeline of one project (`group/name`) on one protected ref.
    ///
    /// # Errors
    /// A text that is not a pattern.
    pub fn gitlab(project_path: &str, reference: &str) -> Result<Vec<Self>, ConditionError> {
        Ok(vec![
            Self::parse("project_path", project_path)?,
            Self::parse("ref", reference)?,
            Self::parse("ref_protected", "true")?,
        ])
    }
}

/// Why two texts are no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The path.
    #[error(transparent)]
    Path(#[from] ParsePathError),
    /// The pattern.
    #[error(transparent)]
    Pattern(#[from] ParsePatternError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_name_the_claims_that_platforms_sign() {
        let written = |conditions: Vec<Condition>| {
            let lines: Vec<_> =
                conditions.iter().map(|one| format!("{}={}", one.path, one.pattern)).collect();
            lines.join(" ")
        };
        assert_eq!(
            written(Condition::kubernetes("prod", "billing").unwrap()),
            "sub=system:serviceaccount:prod:billing /kubernetes.io/namespace=prod \
             /kubernetes.io/serviceaccount/name=billing"
        );
        assert_eq!(
            written(Condition::gitlab("acme/billing", "main").unwrap()),
            "project_path=acme/billing ref=main ref_protected=true"
        );
        assert!(Condition::github_actions("*", "refs/heads/main").is_err());
        assert!(Condition::github_actions("", "refs/heads/main").is_err());
    }
}
