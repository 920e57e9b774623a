//! What an upstream says when it refuses a credential: `WWW-Authenticate` of RFC 6750 and RFC 9728 section 5.
//! A stranger's text: read, never trusted.

use http::{HeaderMap, header};

/// The parts of a `Bearer` challenge that say what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// Where the resource describes itself.
    pub(crate) resource_metadata: Option<String>,
    /// The scopes that the request needs.
    pub(crate) scopes: Vec<String>,
    /// The error code.
    pub(crate) error: Option<String>,
}

impl Challenge {
    /// The first `Bearer` challenge among these headers; an empty one if there is none.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
        values.filter_map(|value| value.to_str().ok()).find_map(Self::parse).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut found: Option<Self> = None;
        let mut rest = text;
        let mut in_bearer = false;
        while let Some((word, after)) = token(rest) {
            match after.strip_prefix('=').filter(|after| !after.starts_with('=')) {
                // A parameter of the scheme before it.
                Some(after) => {
                    let (value, after) = value(after);
                    if in_bearer && let Some(challenge) = &mut found {
                        challenge.take(word, value);
                    }
                    rest = after;
                }
                None => {
                    if found.is_some() {
                        break;
                    }
                    in_bearer = word.eq_ignore_ascii_case("bearer");
                    found = in_bearer.then(Self::default);
                    rest = after;
                }
            }
        }
        found
    }

    fn take(&mut self, name: &str, value: String) {
        match name.to_ascii_lowercase().as_str() {
            "resource_metadata" => self.resource_metadata = Some(value),
            "scope" => self.scopes = scopes(&value),
            "error" => self.error = Some(value),
            _ => {}
        }
    }

    /// Whether the token is good and allows too little (RFC 6750 section 3.1).
    pub(crate) fn wants_more(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }
}

/// The tokens of a scope. What RFC 6749 section 3.3 does not allow in one is left out.
pub(crate) fn scopes(text: &str) -> Vec<String> {
    let sound = |token: &&str| token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let mut all: Vec<String> = Vec::new();
    for token in text.split_ascii_whitespace().filter(sound).take(SCOPES) {
        if !all.iter().any(|known| known == token) {
            all.push(token.to_owned());
        }
    }
    all
}

/// Scopes of one challenge that are read.
const SCOPES: usize = 64;

/// The next word, and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let end = text.find([' ', '\t', ',', '=', '"']).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    (!word.is_empty()).then(|| (word, rest.trim_start_matches([' ', '\t'])))
}

/// A value, quoted or not, and what follows it.
fn value(text: &str) -> (String, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, one)) = characters.next() {
        match one {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Challenge {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        Challenge::of(&headers)
    }

    #[test]
    fn a_challenge_says_where_and_what() {
        let read = read(&[
            "Bearer error=\"insufficient_scope\", scope=\"files:read  files:write files:read\", \
             resource_metadata=\"https://mcp.example/.well-known/x\", error_description=\"say \\\"please\\\", twice\"",
        ]);
        assert_eq!(read.scopes, ["files:read", "files:write"]);
        assert_eq!(read.resource_metadata.as_deref(), Some("https://mcp.example/.well-known/x"));
        assert!(read.wants_more());
    }

    #[test]
    fn only_the_first_bearer_challenge_counts() {
        let one = "Basic realm=\"a, Bearer scope=\\\"evil\\\"\", Bearer scope=good, Digest scope=other";
        assert_eq!(read(&[one]).scopes, ["good"]);
        assert_eq!(read(&["Negotiate abc==", "bearer scope=\"x\""]).scopes, ["x"]);
        assert_eq!(read(&["DPoP algs=\"ES256\""]), Challenge::default());
        assert_eq!(read(&[]), Challenge::default());
        assert_eq!(read(&["Bearer"]), Challenge::default());
        assert_eq!(read(&["Bearer scope=\"not ended"]).scopes, ["not", "ended"]);
    }

    #[test]
    fn no_scope_carries_what_could_end_a_parameter() {
        assert_eq!(scopes("a b\"c d\\e f"), ["a", "f"]);
    }
}
