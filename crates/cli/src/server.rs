//! A Placet elsewhere: its address, HTTP to it, and the token that `placet login` keeps for it, 0600.

use std::{
    fmt,
    fs::{self, DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, body::Bytes};

use crate::web;

/// Largest answer, bytes.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The address of a server: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server(String);

/// What opens the server. It never prints.
#[derive(Clone)]
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

impl std::str::FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri = web::address(text)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(format!("`{text}` has something behind the host; leave it away"));
        }
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        if authority.contains('@') {
            return Err(format!("`{text}` holds a user name; leave it away"));
        }
        Ok(Self(format!("{}://{}", uri.scheme_str().unwrap_or_default(), authority.to_ascii_lowercase())))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Server {
    /// One request, without redirects.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: String,
        token: Option<&Token>,
    ) -> Result<(StatusCode, Bytes), String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.0))
            .header("accept", "application/json")
            .header("content-type", kind)
            .header("placet-request", "1");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {}", token.0));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let response =
            web::client()?.request(request).await.map_err(|error| {
                match std::error::Error::source(&error) {
                    Some(cause) => cause.to_string(),
                    None => error.to_string(),
                }
            })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    }

    /// The token that was kept for this server; none if nobody logged in.
    pub(crate) fn token(&self) -> Result<Option<Token>, String> {
        let path = self.file()?;
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if metadata.mode() & 0o077 != 0 {
            return Err(format!("{} can be read by others; remove it and log in again", path.display()));
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        Ok(Some(Token(text.trim().to_owned())))
    }

    /// Keeps a token for this server.
    pub(crate) fn keep(&self, token: &str) -> Result<(), String> {
        let path = self.file()?;
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let folder = path.parent().unwrap_or(&path);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        // A file of its own, renamed: nobody reads half a token, and no older file's mode holds.
        let fresh = path.with_extension("new");
        let _ = fs::remove_file(&fresh);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(failed)?;
        file.write_all(token.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&fresh, &path).map_err(failed)
    }

    /// Forgets the token of this server.
    pub(crate) fn forget(&self) -> Result<(), String> {
        let path = self.file()?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("{}: {error}", path.display()))
            }
            _ => Ok(()),
        }
    }

    fn file(&self) -> Result<PathBuf, String> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        let folder = folder.ok_or("neither `XDG_CONFIG_HOME` nor `HOME` is set: nowhere to keep a token")?;
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '_' };
        Ok(folder.join("placet/servers").join(self.0.chars().map(plain).collect::<String>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_crosses_a_network_unencrypted() {
        for text in
            ["https://placet.example", "http://localhost:7421/", "http://127.0.0.1:7421", "https://a:1"]
        {
            assert!(text.parse::<Server>().is_ok(), "{text}");
        }
        for text in [
            "http://placet.example",
            "http://localhost.example",
            "https://placet.example/x",
            "https://u@placet.example",
            "ftp://placet.example",
            "placet.example",
            "",
        ] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
        assert_eq!(
            "https://Placet.Example/".parse::<Server>().unwrap().to_string(),
            "https://placet.example"
        );
    }
}
