//! What is refused before the body is read: foreign hosts and origins, compressed or oversized bodies.
//! Rebinding attacks and prefix attacks end here (`spec` section "front door" of SECURITY.md).

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use placet_domain::{Code, Refusal};

/// What the front door accepts.
#[derive(Debug, Clone)]
pub struct GuardConfig {
    /// Largest body, bytes.
    pub body_bytes: usize,
    /// Accepted `Host` values, with port; loopback names with our port are always accepted.
    pub hosts: Vec<String>,
    /// Accepted `Origin` values of browsers; loopback origins with our port are always accepted.
    pub origins: Vec<String>,
}

/// The front door.
#[derive(Debug)]
pub struct Guard {
    config: GuardConfig,
    hosts: Vec<String>,
}

/// A refusal with its HTTP status.
#[derive(Debug)]
pub(crate) struct Turned {
    pub(crate) status: StatusCode,
    pub(crate) refusal: Refusal,
}

impl Turned {
    fn new(status: StatusCode, code: Code, why: impl Into<String>) -> Self {
        Self { status, refusal: Refusal::new(code, why) }
    }
}

impl Guard {
    /// A front door on this port.
    #[must_use]
    pub fn new(config: GuardConfig, port: u16) -> Self {
        let ours = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
        let hosts = ours.into_iter().chain(config.hosts.iter().cloned()).collect();
        Self { config, hosts }
    }

    /// `Host` and `Origin` must be ours.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Turned> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned());
        match text(header::HOST) {
            Some(host) if self.hosts.iter().any(|known| known.eq_ignore_ascii_case(&host)) => {}
            other => {
                let why = format!("host {:?} is not this gateway's", other.unwrap_or_default());
                return Err(Turned::new(StatusCode::FORBIDDEN, Code::WrongOrigin, why));
            }
        }
        let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let known = own.is_some_and(|host| self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)))
            || self.config.origins.iter().any(|known| known.eq_ignore_ascii_case(&origin));
        match known {
            true => Ok(()),
            false => {
                let why = format!("pages of {origin:?} may not call this gateway");
                Err(Turned::new(StatusCode::FORBIDDEN, Code::WrongOrigin, why))
            }
        }
    }

    /// Reads a whole body: plain, JSON, within the limit. Policy never sees a prefix.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Turned> {
        if headers.contains_key(header::CONTENT_ENCODING) {
            let why = "`Content-Encoding` is set";
            return Err(Turned::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Encoded, why));
        }
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            let why = "`Content-Type` is not application/json";
            return Err(Turned::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Malformed, why));
        }
        self.read_any(body).await
    }

    /// Reads a whole body of whatever kind, within the limit.
    pub(crate) async fn read_any(&self, body: Incoming) -> Result<Bytes, Turned> {
        match Limited::new(body, self.config.body_bytes).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                let why = format!("the body is larger than {} bytes", self.config.body_bytes);
                Err(Turned::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, why))
            }
            Err(_) => {
                let why = "the body ended early";
                Err(Turned::new(StatusCode::BAD_REQUEST, Code::Malformed, why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(host: &str, origin: Option<&str>) -> bool {
        let config = GuardConfig {
            body_bytes: 10,
            hosts: vec!["gw.example:443".into()],
            origins: vec!["https://app.example".into()],
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        Guard::new(config, 7420).admit(&headers).is_ok()
    }

    #[test]
    fn foreign_hosts_and_origins_are_turned_away() {
        assert!(admits("127.0.0.1:7420", None));
        assert!(admits("LOCALHOST:7420", Some("http://localhost:7420")));
        assert!(admits("gw.example:443", Some("https://app.example")));
        assert!(!admits("evil.example:7420", None));
        assert!(!admits("127.0.0.1:7421", None));
        assert!(!admits("127.0.0.1", None));
        assert!(!admits("127.0.0.1:7420", Some("https://evil.example")));
        assert!(!admits("127.0.0.1:7420", Some("null")));
        let nameless = Guard::new(GuardConfig { body_bytes: 1, hosts: vec![], origins: vec![] }, 1);
        assert!(nameless.admit(&HeaderMap::new()).is_err());
    }
}
