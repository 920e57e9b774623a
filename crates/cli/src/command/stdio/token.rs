//! The instance's credential: from the environment or a file, never from the command line.

use std::{path::PathBuf, sync::Arc};

use hyper::header::HeaderValue;
use placet_domain::limits;

use crate::{exit::Exit, failure::Failure};

/// Where the token is.
#[derive(Clone)]
pub(crate) enum Token {
    /// It is known.
    Text(Arc<str>),
    /// In a file, which may be replaced while we run.
    File(PathBuf),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

impl Token {
    /// The file if there is one, else `PLACET_TOKEN`. It must be readable now.
    pub(crate) fn of_process(file: Option<PathBuf>) -> Result<Self, Failure> {
        let token = match (file, std::env::var("PLACET_TOKEN")) {
            (Some(file), _) => Self::File(file),
            (None, Ok(token)) => Self::Text(token.into()),
            (None, Err(_)) => {
                let next = "set PLACET_TOKEN to what `placet instance start AGENT --token-only` prints, or name a file \
                            with `--token-file`";
                return Err(Failure::new(format!("there is no token\n  next: {next}"))
                    .with_exit(Exit::Unauthenticated));
            }
        };
        match token.header() {
            Ok(_) => Ok(token),
            Err(why) => Err(Failure::new(why).with_exit(Exit::Unauthenticated)),
        }
    }

    /// The `Authorization` header (RFC 6750), never printed.
    pub(crate) fn header(&self) -> Result<HeaderValue, String> {
        let text = match self {
            Self::Text(text) => text.to_string(),
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("the token file {} cannot be read: {error}", path.display()))?,
        };
        let text = text.trim();
        if text.is_empty() || text.len() > limits::TOKEN_BYTES {
            return Err("the token is empty or too long".to_owned());
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {text}"))
            .map_err(|_| "the token holds characters that no token has".to_owned())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_may_change_and_neither_form_prints() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "first\n").unwrap();
        let token = Token::of_process(Some(path.clone())).unwrap();
        assert_eq!(token.header().unwrap(), "Bearer first");
        std::fs::write(&path, "second").unwrap();
        assert_eq!(token.header().unwrap(), "Bearer second");
        let printed = format!("{token:?} {:?} {:?}", Token::Text("secret".into()), token.header().unwrap());
        assert!(!printed.contains("sec"), "{printed}");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Token::of_process(Some(path)).unwrap_err().exit(), Exit::Unauthenticated);
    }
}
