//! The parameters of a token request (RFC 6749 section 3.2): each at most once, and an empty one is absent.

use placet_identity::{OAuthCode, OAuthError};

/// Parameters, decoded, each of them once.
#[derive(Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Takes decoded pairs.
    ///
    /// # Errors
    /// `invalid_request`: a parameter is there twice, so that two readers could see two requests.
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, OAuthError> {
        for (place, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().skip(place + 1).any(|(other, _)| other == name) {
                let why = format!("parameter '{name}' is there twice");
                return Err(OAuthError::new(OAuthCode::InvalidRequest, why));
            }
        }
        Ok(Self(pairs))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| &**value)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.text(name).ok_or_else(|| {
            OAuthError::new(OAuthCode::InvalidRequest, format!("parameter '{name}' is missing"))
        })
    }

    /// The parameters whose names begin so, without that beginning.
    pub(super) fn beginning<'a>(&'a self, with: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(with)?, &**value)))
    }
}

/// Assertions and tokens are among the values: only names are shown.
impl std::fmt::Debug for Form {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_there_once_or_not_at_all() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let form =
            Form::new(vec![pair("scope", "crm"), pair("task", ""), pair("fact.region", "eu")]).unwrap();
        assert_eq!(form.text("scope"), Some("crm"));
        assert_eq!(form.text("task"), None);
        assert_eq!(form.beginning("fact.").collect::<Vec<_>>(), [("region", "eu")]);
        assert_eq!(form.required("ticket").unwrap_err().code, OAuthCode::InvalidRequest);
        assert!(Form::new(vec![pair("scope", "crm"), pair("scope", "")]).is_err());
        assert_eq!(format!("{form:?}"), r#"["scope", "task", "fact.region"]"#);
    }
}
