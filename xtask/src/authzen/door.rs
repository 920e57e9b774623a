//! One HTTP exchange with the decision API.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::failure::Failure;

/// How long an exchange may take.
const EXCHANGE: Duration = Duration::from_secs(30);

/// Where the API is, and the token of who asks.
#[derive(Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (of, value) = line.split_once(':')?;
            of.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Door {
    pub(crate) fn new(address: SocketAddr, token: String) -> Self {
        Self { address, token }
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Asks `/access/v1/{endpoint}`.
    pub(crate) fn ask(&self, endpoint: &str, question: &Value) -> Result<Answer, Failure> {
        self.send("POST", &format!("/access/v1/{endpoint}"), &[], &question.to_string())
    }

    /// Sends any request; JSON unless a header says otherwise, with the token unless a header is `Authorization`.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Failure> {
        let has = |wanted: &str| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let (bearer, host) = (format!("Bearer {}", self.token), self.address.to_string());
        let usual = [
            ("Host", host.as_str()),
            ("Content-Type", "application/json"),
            ("Authorization", bearer.as_str()),
        ];
        for (name, value) in usual.iter().filter(|(name, _)| !has(name)).chain(headers) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(EXCHANGE))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Failure::Broke(format!("not HTTP: {answer:?}")))?;
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
        Ok(Answer { status, head: head.to_owned(), body })
    }
}
