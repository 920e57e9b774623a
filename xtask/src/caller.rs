//! An agent that calls tools over one connection, in the stateless era, as fast as answers come.
//! It tells an answer from a lost connection: only an answer that was read to its end counts as one.

use std::{
    io::{self, BufRead, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
const REVISION: &str = "2026-07-28";

/// A caller with an instance's token.
#[derive(Debug)]
pub(crate) struct Caller {
    address: SocketAddr,
    token: String,
    connection: Option<BufReader<TcpStream>>,
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The stable code, if the gateway refused.
    pub(crate) refused: Option<String>,
    /// The ticket, if the refusal names one.
    pub(crate) ticket: Option<String>,
    /// Whether the result is marked as an error, by whomever.
    pub(crate) is_error: bool,
    /// `_meta["dev.placet/receipt"]`.
    pub(crate) receipt: Value,
    /// The whole message, for reports.
    pub(crate) message: Value,
}

impl Caller {
    /// Takes the gateway's address and a token; connects with the first call.
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: token.to_owned(), connection: None }
    }

    /// Connects ahead of the first call.
    pub(crate) fn connect(&mut self) -> io::Result<()> {
        if self.connection.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(ANSWER))?;
            self.connection = Some(BufReader::new(stream));
        }
        Ok(())
    }

    /// Calls a tool of the CRM. The rationale comes back in the decision receipt.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value, rationale: &str) -> io::Result<Answer> {
        self.call_with_text(tool, &arguments.to_string(), rationale)
    }

    /// [`Self::call`] with arguments spelled by the caller.
    pub(crate) fn call_with_text(
        &mut self,
        tool: &str,
        arguments: &str,
        rationale: &str,
    ) -> io::Result<Answer> {
        let answered = self.exchange(tool, arguments, rationale);
        if answered.is_err() {
            self.connection = None;
        }
        answered
    }

    fn exchange(&mut self, tool: &str, arguments: &str, rationale: &str) -> io::Result<Answer> {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "xtask", "version": "0" },
            "dev.placet/rationale": rationale,
        });
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},"_meta":{meta}}}}}"#
        );
        let request = format!(
            "POST /mcp/crm HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             MCP-Protocol-Version: {REVISION}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        self.connect()?;
        let connection = self.connection.as_mut().ok_or_else(|| wrong("there is no connection"))?;
        connection.get_mut().write_all(request.as_bytes())?;
        let message = read_message(connection)?;
        Ok(Answer::of(message))
    }
}

impl Answer {
    fn of(message: Value) -> Self {
        let result = message.get("result").unwrap_or(&Value::Null);
        let meta = |key: &str| result.get("_meta").and_then(|meta| meta.get(key)).cloned();
        // A refusal of who one is is an error of JSON-RPC.
        let refusal = meta("dev.placet/refusal").or_else(|| message.get("error")?.get("data").cloned());
        let text =
            |key: &str| refusal.as_ref().and_then(|refusal| refusal.get(key)?.as_str().map(str::to_owned));
        Self {
            refused: text("code"),
            ticket: text("ticket"),
            is_error: result
                .get("isError")
                .and_then(Value::as_bool)
                .unwrap_or(message.get("error").is_some()),
            receipt: meta("dev.placet/receipt").unwrap_or_default(),
            message,
        }
    }
}

fn read_message(connection: &mut impl BufRead) -> io::Result<Value> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if connection.read_line(&mut head)? == 0 {
            return Err(wrong("the connection ended"));
        }
    }
    let length = head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok()).flatten()
    });
    // The CRM sends nothing before its result, so the gateway has no reason to stream.
    let length: u64 = length.ok_or_else(|| wrong(&format!("an answer without a length: {head}")))?;
    let mut body = Vec::new();
    if connection.take(length).read_to_end(&mut body)? as u64 != length {
        return Err(wrong("the connection ended within an answer"));
    }
    serde_json::from_slice(&body).map_err(|error| wrong(&format!("{error}: {head}")))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
