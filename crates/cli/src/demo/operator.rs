//! The operator of the demo: does over the control socket what `placet` commands do.

use std::path::PathBuf;

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, body::Bytes};
use hyper_util::rt::TokioIo;
use placet_domain::{Json, Object};
use tokio::net::UnixStream;

use crate::failure::Failure;

/// Somebody at the control socket.
#[derive(Debug)]
pub(crate) struct Operator {
    socket: PathBuf,
}

impl Operator {
    /// Takes the socket's path.
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// `placet agent register`.
    pub(crate) async fn register(
        &self,
        name: &str,
        owner: &str,
        purpose: &str,
        tier: i64,
        group: &str,
    ) -> Result<(), Failure> {
        let body = Object::new()
            .with("name", name)
            .with("owner", owner)
            .with("purpose", purpose)
            .with("tier", tier)
            .with("groups", vec![group]);
        self.ask(Method::POST, "/v1/agents", Some(body)).await.map(|_| ())
    }

    /// `placet instance start`: the instance's token.
    pub(crate) async fn start(
        &self,
        agent: &str,
        on_behalf_of: &str,
        ticket: Option<&str>,
    ) -> Result<String, Failure> {
        let body =
            Object::new().with("agent", agent).with("on_behalf_of", on_behalf_of).with_some("ticket", ticket);
        let started = self.ask(Method::POST, "/v1/instances", Some(body)).await?;
        let token = started.member("token").and_then(Json::as_str);
        token.map(str::to_owned).ok_or_else(|| Failure::new("the control API gave no token"))
    }

    /// What `placet approval show` shows: the command itself is run.
    pub(crate) async fn show(&self, ticket: &str) -> Result<String, Failure> {
        let unusable = "`placet approval show` cannot be run";
        let program = std::env::current_exe().map_err(Failure::of(unusable))?;
        let mut command = tokio::process::Command::new(program);
        command.args(["approval", "show", ticket, "--socket"]).arg(&self.socket);
        let shown = command.output().await.map_err(Failure::of(unusable))?;
        Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
    }

    /// `placet approval approve` or `deny`.
    pub(crate) async fn answer(&self, ticket: &str, approve: bool, rationale: &str) -> Result<(), Failure> {
        let body = Object::new().with("approve", approve).with("rationale", rationale);
        self.ask(Method::POST, &format!("/v1/approvals/{ticket}/answer"), Some(body)).await.map(|_| ())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Object>) -> Result<Json, Failure> {
        let unreachable = "the control socket does not answer";
        let stream = UnixStream::connect(&self.socket).await.map_err(Failure::of(unreachable))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(Failure::of(unreachable))?;
        tokio::spawn(connection);
        let body = body.map(|body| Json::Object(body).canonical()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "placet")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(Failure::of(unreachable))?;
        let response = sender.send_request(request).await.map_err(Failure::of(unreachable))?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(Failure::of(unreachable))?.to_bytes();
        match status.is_success() {
            true => Json::parse(&bytes).map_err(Failure::of("the control API's answer is not JSON")),
            false => Err(Failure::new(String::from_utf8_lossy(&bytes).into_owned())),
        }
    }
}
