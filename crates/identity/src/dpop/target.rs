//! The address of a request, in the one spelling that is compared (RFC 3986 section 6.2, RFC 9449 section 4.3):
//! without query and fragment, host in lower case, no default port, no needless percent-encoding.

use std::{fmt, str::FromStr};

/// A normalised `http` or `https` address without query and fragment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target(String);

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not an absolute http address without user, dot segments and special characters")]
pub struct ParseTargetError;

impl Target {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this address is `whole` or below it: `https://a/mcp/crm` is within `https://a/mcp`.
    #[must_use]
    pub fn is_within(&self, whole: &Self) -> bool {
        let whole = whole.0.strip_suffix('/').unwrap_or(&whole.0);
        self.0.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(ParseTargetError)?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => "80",
            "https" => "443",
            _ => return Err(ParseTargetError),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.find('/').map_or((rest, "/"), |place| rest.split_at(place));
        let authority = authority_of(&authority.to_ascii_lowercase(), default_port)?;
        Ok(Self(format!("{scheme}://{authority}{}", path_of(path)?)))
    }
}

fn authority_of(authority: &str, default_port: &str) -> Result<String, ParseTargetError> {
    // An address of version 6 holds colons, in brackets.
    let (host, port) =
        match authority.rfind(':').filter(|place| !authority.get(*place..).unwrap_or("").contains(']')) {
            Some(place) => (authority.get(..place).unwrap_or_default(), authority.get(place + 1..)),
            None => (authority, None),
        };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let sound = match bracketed {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(plain),
    };
    match (sound, port) {
        (false, _) => Err(ParseTargetError),
        (true, None | Some("")) => Ok(host.to_owned()),
        (true, Some(port)) if port == default_port => Ok(host.to_owned()),
        (true, Some(port)) => match port.parse::<u16>() {
            // The parsed number is written: `080` and `80` are one port.
            Ok(number) if number.to_string() == default_port => Ok(host.to_owned()),
            Ok(number) if port.bytes().all(|digit| digit.is_ascii_digit()) => Ok(format!("{host}:{number}")),
            _ => Err(ParseTargetError),
        },
    }
}

/// Decodes what need not be encoded, writes the rest in upper case. Dot segments are refused, not resolved:
/// nobody's honest request has them.
fn path_of(path: &str) -> Result<String, ParseTargetError> {
    let mut normal = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte.unwrap_or_default()).to_digit(16);
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                let (Some(high), Some(low)) = (high, low) else { return Err(ParseTargetError) };
                match char::from_u32(high * 16 + low) {
                    Some(one) if one.is_ascii_alphanumeric() || "-._~".contains(one) => normal.push(one),
                    _ => normal.push_str(&format!("%{:02X}", high * 16 + low)),
                }
            }
            byte if byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte) => {
                normal.push(char::from(byte))
            }
            _ => return Err(ParseTargetError),
        }
    }
    match normal.split('/').any(|segment| matches!(segment, "." | "..")) {
        true => Err(ParseTargetError),
        false => Ok(normal),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        text.parse::<Target>().map_or_else(|_| "refused".to_owned(), |target| target.to_string())
    }

    #[test]
    fn spellings_of_one_address_are_one() {
        for (text, expected) in [
            ("https://Example.COM/mcp", "https://example.com/mcp"),
            ("HTTPS://example.com:443/mcp?a=b#c", "https://example.com/mcp"),
            ("https://example.com", "https://example.com/"),
            ("https://example.com?x", "https://example.com/"),
            ("https://example.com:/", "https://example.com/"),
            ("http://127.0.0.1:7420/token", "http://127.0.0.1:7420/token"),
            ("http://[::1]:80/a", "http://[::1]/a"),
            ("http://[::1]/a", "http://[::1]/a"),
            ("https://a/%7Euser/%2fb%C3%a9", "https://a/~user/%2Fb%C3%A9"),
        ] {
            assert_eq!(normal(text), expected);
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "",
            "/mcp",
            "ftp://a/b",
            "https:///b",
            "https://user@a/b",
            "https://a/../b",
            "https://a/%2e%2E/b",
            "https://a/b c",
            "https://a/é",
            "https://a:99999/",
            "https://a:+1/",
            "https://a:b/",
            "https://a/%zz",
            "https://a/%",
            "https://[::1/",
            "https://a b/",
            "https://a\\b/",
        ] {
            assert_eq!(normal(text), "refused", "{text}");
        }
    }

    #[test]
    fn an_address_below_another_is_within_it() {
        let within = |one: &str, whole: &str| {
            one.parse::<Target>().unwrap().is_within(&whole.parse::<Target>().unwrap())
        };
        assert!(within("https://a/mcp/crm", "https://a/mcp"));
        assert!(within("https://a/mcp/crm", "https://a"));
        assert!(within("https://a/mcp", "https://a/mcp"));
        assert!(!within("https://a/mcp2", "https://a/mcp"));
        assert!(!within("https://a.example/mcp", "https://a"));
        assert!(!within("https://a/mcp", "https://a/mcp/crm"));
    }
}
