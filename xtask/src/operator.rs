//! The operator at the control socket: what `placet` commands do, without a process for each.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use crate::failure::Failure;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Whoever runs the check, at the control socket of a home.
#[derive(Debug)]
pub(crate) struct Operator {
    socket: PathBuf,
}

impl Operator {
    /// Takes the home.
    pub(crate) fn of(home: &Path) -> Self {
        Self { socket: home.join("run/control.sock") }
    }

    /// Registers an agent.
    pub(crate) fn register(&self, name: &str, owner: &str) -> Result<(), Failure> {
        let agent = json!({ "name": name, "owner": owner, "purpose": "a check", "tier": 3, "groups": [] });
        self.ask("POST", "/v1/agents", &agent).map(|_| ())
    }

    /// Starts an instance and returns its token.
    pub(crate) fn start(&self, agent: &str, on_behalf_of: Option<&str>) -> Result<String, Failure> {
        let mut instance = json!({ "agent": agent, "ttl": 3600 });
        if let (Some(person), Some(object)) = (on_behalf_of, instance.as_object_mut()) {
            object.insert("on_behalf_of".to_owned(), person.into());
        }
        let started = self.ask("POST", "/v1/instances", &instance)?;
        let token = started.get("token").and_then(Value::as_str).map(str::to_owned);
        token.ok_or_else(|| Failure::Broke("the control socket gave no token".to_owned()))
    }

    /// Approves or denies.
    pub(crate) fn answer(&self, ticket: &str, approve: bool) -> Result<(), Failure> {
        let answer = json!({ "approve": approve, "rationale": "a check" });
        self.ask("POST", &format!("/v1/approvals/{ticket}/answer"), &answer).map(|_| ())
    }

    /// The tickets that wait.
    pub(crate) fn waiting(&self) -> Result<Vec<String>, Failure> {
        let list = self.ask("GET", "/v1/approvals?state=pending", &Value::Null)?;
        let approvals = list.get("approvals").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(approvals.iter().filter_map(|one| one.get("id")?.as_str().map(str::to_owned)).collect())
    }

    /// One exchange; an answer that is no success is an error with its text.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: placet\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        match head.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(serde_json::from_str(body)?),
            _ => Err(Failure::Broke(format!("{method} {path}: {body}"))),
        }
    }
}
