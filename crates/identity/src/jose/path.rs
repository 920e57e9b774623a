//! The way to a claim: dotted (`realm.roles`), or a JSON Pointer (RFC 6901) where a name itself holds dots
//! (`/kubernetes.io/namespace`).

use std::{fmt, str::FromStr};

use placet_domain::{Json, Object};

/// A path to one claim.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClaimPath(Vec<String>);

/// Why a text is not a path to a claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path to a claim; write `name`, `outer.inner`, or `/dotted.name/inner`")]
pub struct ParsePathError(String);

impl ClaimPath {
    /// The claim there, if every step is an object's member.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Object) -> Option<&'a Json> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.member(first)?, |value, step| value.member(step))
    }

    /// The claim's name at the top.
    #[must_use]
    pub fn head(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

impl FromStr for ClaimPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let steps: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => {
                pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
            }
            None => text.split('.').map(str::to_owned).collect(),
        };
        match steps.iter().any(String::is_empty) {
            true => Err(ParsePathError(text.to_owned())),
            false => Ok(Self(steps)),
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.iter().any(|step| step.contains(['.', '/', '~'])) {
            return self
                .0
                .iter()
                .try_for_each(|step| write!(formatter, "/{}", step.replace('~', "~0").replace('/', "~1")));
        }
        formatter.write_str(&self.0.join("."))
    }
}

impl fmt::Debug for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_descends_by_dots_or_as_a_pointer() {
        let claims = Json::parse(br#"{"a":{"b":"c"},"kubernetes.io":{"namespace":"prod"},"a.b":"other"}"#);
        let claims = claims.unwrap();
        let find = |path: &str| {
            path.parse::<ClaimPath>().unwrap().find(claims.as_object().unwrap()).and_then(Json::as_str)
        };
        assert_eq!(find("a.b"), Some("c"));
        assert_eq!(find("/a.b"), Some("other"));
        assert_eq!(find("/kubernetes.io/namespace"), Some("prod"));
        assert_eq!(find("kubernetes.io.namespace"), None);
        assert_eq!(find("a.b.c"), None);
    }

    #[test]
    fn a_path_with_an_empty_step_is_refused() {
        for text in ["", "/", "a..b", ".a", "/a//b"] {
            assert!(text.parse::<ClaimPath>().is_err(), "{text:?}");
        }
        assert_eq!("/kubernetes.io/pod".parse::<ClaimPath>().unwrap().to_string(), "/kubernetes.io/pod");
    }
}
