//! The smallest MCP client that can make a call: one HTTP exchange a request, in the stateless era.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

use crate::failure::Failure;

/// How long an exchange may take.
const EXCHANGE: Duration = Duration::from_secs(30);
const REVISION: &str = "2026-07-28";

/// The status of a GET; `None` if nothing answers.
pub(crate) fn status(address: SocketAddr, path: &str) -> Option<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    exchange(address, &request).ok().map(|(status, _)| status)
}

/// Calls a tool and returns the whole JSON-RPC answer.
pub(crate) fn call(
    address: SocketAddr,
    connector: &str,
    token: &str,
    (tool, arguments): (&str, Value),
) -> Result<Value, Failure> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "xtask", "version": "0" },
    });
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let request = format!(
        "POST /mcp/{connector} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {REVISION}\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, answer) = exchange(address, &request)?;
    match status {
        200 => Ok(serde_json::from_str(&answer)?),
        status => Err(Failure::Broke(format!("`{tool}` was answered with HTTP {status}: {answer}"))),
    }
}

fn exchange(address: SocketAddr, request: &str) -> Result<(u16, String), Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(EXCHANGE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    match status {
        Some(status) => Ok((status, body.to_owned())),
        None => Err(Failure::Broke(format!("not an HTTP answer: {answer:?}"))),
    }
}
