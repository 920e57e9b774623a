//! A client without opinions: the bytes of a request, and what came back.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

/// A request that may be wrong in every way.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) verb: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Post {
    /// A stateless tool call as a proper client sends it.
    pub(super) fn call(address: SocketAddr, token: &str, tool: &str, arguments: Value) -> Self {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
        Self::message(
            address,
            token,
            &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}),
        )
        .with("mcp-protocol-version", "2026-07-28")
        .with("mcp-method", "tools/call")
        .with("mcp-name", tool)
    }

    /// A JSON-RPC message without any header of MCP.
    pub(super) fn message(address: SocketAddr, token: &str, message: &Value) -> Self {
        let post = Self {
            verb: "POST",
            path: "/mcp/crm".to_owned(),
            headers: Vec::new(),
            body: message.to_string().into_bytes(),
        };
        post.with("host", &address.to_string())
            .with("content-type", "application/json")
            .with("accept", "application/json, text/event-stream")
            .with("authorization", &format!("Bearer {token}"))
    }

    /// Sets a header, or replaces it.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a header away.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Replaces the body.
    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the whole answer.
    pub(super) fn send(&self, address: SocketAddr) -> Response {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", self.verb, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        // A server that has heard enough may hang up before the end of the body.
        let _ = stream.write_all(&self.body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Response::parse(&bytes)
    }
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = if chunked { joined(body) } else { body.to_owned() };
        Self { status, headers, body }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The JSON-RPC message, whole or as the last event of a stream.
    pub(super) fn message(&self) -> Value {
        let event =
            self.body.lines().filter_map(|line| line.strip_prefix("data:")).rfind(|data| data.contains('{'));
        serde_json::from_str(event.unwrap_or(&self.body)).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that the tool ran, and returns its result.
    #[track_caller]
    pub(super) fn answered(&self) -> Value {
        let message = self.message();
        let result = message.get("result").cloned().unwrap_or_else(|| panic!("{message}"));
        assert_ne!(result.get("isError"), Some(&Value::Bool(true)), "{result}");
        result
    }

    /// Asserts that the call was refused with this code of ours.
    #[track_caller]
    pub(super) fn refused(&self, code: &str) {
        assert!(self.body.contains(code), "{self:?}");
        assert!(self.message().get("result").is_none_or(|result| result["isError"] == true), "{self:?}");
    }
}

/// The data of a chunked body (RFC 9112 section 7.1).
fn joined(mut body: &str) -> String {
    let mut data = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        match rest.get(..size).filter(|_| size > 0) {
            Some(chunk) => data.push_str(chunk),
            None => break,
        }
        body = rest.get(size + 2..).unwrap_or_default();
    }
    data
}
