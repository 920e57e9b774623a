//! What an operator's file says about a connector, as this crate needs it: parsed, with secrets that do not print.

use std::{path::PathBuf, time::Duration};

use crate::oauth::OauthConfig;
use http::{HeaderName, Uri};
use placet_domain::ConnectorName;
/// A value that does not print.
pub use secrecy::SecretString as Secret;

/// One upstream system.
#[derive(Debug, Clone)]
pub struct ConnectorConfig {
    /// Its name in `placet.toml`, in policies and in receipts.
    pub name: ConnectorName,
    /// How it is reached.
    pub transport: Transport,
    /// Credentials sent with every request (HTTP only). The agent's own never leave.
    pub headers: Vec<(HeaderName, Secret)>,
    /// How it gets the tokens that its upstream wants (HTTP only).
    pub oauth: Option<OauthConfig>,
    /// How long a call may take before its outcome is unknown.
    pub deadline: Duration,
}

/// How an upstream is reached.
#[derive(Debug, Clone)]
pub enum Transport {
    /// MCP over streamable HTTP.
    Http {
        /// The endpoint: `http` or `https`, a host, no user name.
        url: Uri,
    },
    /// MCP over the standard streams of a child process. Comes from the operator's file alone.
    Stdio {
        /// The program; never read by a shell.
        command: String,
        /// Its arguments, passed as they are.
        arguments: Vec<String>,
        /// Its environment besides `PATH`, `HOME`, `TMPDIR` and `LANG`, which it inherits.
        environment: Vec<(String, Secret)>,
        /// Its working directory; ours if absent.
        directory: Option<PathBuf>,
    },
}

/// Connectors that cannot work as configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Two connectors share a name.
    #[error("connector `{0}` is configured twice")]
    Twice(ConnectorName),
    /// The URL is not one to send calls to.
    #[error("connector `{connector}`: the URL {rule}")]
    Url {
        /// Whose.
        connector: ConnectorName,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A credential header that the protocol or HTTP sets itself.
    #[error(
        "connector `{connector}`: header `{header}` is set by the protocol; send the credential in another"
    )]
    Header {
        /// Whose.
        connector: ConnectorName,
        /// Which.
        header: HeaderName,
    },
    /// A credential that is not a header value.
    #[error(
        "connector `{connector}`: the value of header `{header}` holds a character that no header may hold"
    )]
    HeaderValue {
        /// Whose.
        connector: ConnectorName,
        /// Which.
        header: HeaderName,
    },
    /// Headers for a child process.
    #[error("connector `{0}`: a child process gets no headers; give it `environment`")]
    HeadersOfChild(ConnectorName),
    /// A sign-in that cannot be.
    #[error("connector `{connector}`: {rule}")]
    Oauth {
        /// Whose.
        connector: ConnectorName,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// No program, or a variable that cannot be passed.
    #[error("connector `{connector}`: {rule}")]
    Command {
        /// Whose.
        connector: ConnectorName,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A decision point that cannot be asked.
    #[error("external decision point `{name}`: {rule}")]
    DecisionPoint {
        /// Which.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// An anomaly hook that cannot be asked.
    #[error("anomaly hook `{name}`: {rule}")]
    AnomalyHook {
        /// Which.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}
