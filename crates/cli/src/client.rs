//! The control API's client: HTTP/1.1 over the Unix socket or to a server, one connection a request.
//! Problems become failures with the exit code they mean.

use std::{io::ErrorKind, path::PathBuf, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode, body::Bytes};
use hyper_util::rt::TokioIo;
use placet_domain::{Json, Object};
use tokio::net::UnixStream;

use crate::{exit::Exit, failure::Failure, print::visible, server::Server};

/// How long an answer may take: a status with probes asks every connector.
const DEADLINE: Duration = Duration::from_secs(30);

/// Somebody at the control socket, or logged in at a server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    door: Door,
}

#[derive(Debug, Clone)]
enum Door {
    Server(Server),
    Socket(PathBuf),
}

impl Client {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { door: Door::Socket(socket) }
    }

    /// With the token that `placet login` keeps.
    pub(crate) fn of_server(server: Server) -> Self {
        Self { door: Door::Server(server) }
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Result<Json, Failure> {
        self.ask(Method::GET, path, String::new()).await
    }

    /// Changes.
    pub(crate) async fn post(&self, path: &str, body: Object) -> Result<Json, Failure> {
        self.ask(Method::POST, path, Json::Object(body).canonical()).await
    }

    async fn ask(&self, method: Method, path: &str, body: String) -> Result<Json, Failure> {
        let asked = tokio::time::timeout(DEADLINE, self.exchange(method, path, body)).await;
        let (status, bytes) = match asked {
            Ok(answered) => answered?,
            Err(_) => {
                return Err(self.unreachable(&format!("no answer within {} seconds", DEADLINE.as_secs())));
            }
        };
        let answer = Json::parse(&bytes).map_err(Failure::of("the control API's answer is not JSON"))?;
        if status.is_success() { Ok(answer) } else { Err(failure(&answer)) }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let socket = match &self.door {
            Door::Server(server) => return self.over_http(server, method, path, body).await,
            Door::Socket(socket) => socket,
        };
        let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => self.forbidden(),
            _ => self.unreachable(&error),
        })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "placet")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(Failure::of("the request cannot be made"))?;
        let response = sender.send_request(request).await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| self.unreachable(&error))?;
        Ok((status, body.to_bytes()))
    }

    async fn over_http(
        &self,
        server: &Server,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let token = server.token().map_err(Failure::new)?.ok_or_else(|| {
            Failure::new(format!("you are not logged in at {server}\n  next: placet login {server}"))
                .with_exit(Exit::Unauthenticated)
        })?;
        let sent = server.send(method, path, "application/json", body, Some(&token)).await;
        sent.map_err(|why| self.unreachable(&why))
    }

    fn forbidden(&self) -> Failure {
        let socket = self.place();
        let next = "run the command as the user that runs Placet";
        Failure::new(format!("you may not connect to {socket}\n  next: {next}"))
            .with_exit(Exit::Unauthenticated)
    }

    fn unreachable(&self, why: &dyn std::fmt::Display) -> Failure {
        let place = self.place();
        let next = match &self.door {
            Door::Server(_) => "look at the address, and whether `[control] listen` is set there",
            Door::Socket(_) => "start it with `placet up`, or name its home with `--home`",
        };
        Failure::new(format!("no Placet answers on {place}: {why}\n  next: {next}"))
            .with_exit(Exit::Unreachable)
    }
}

impl Client {
    fn place(&self) -> String {
        match &self.door {
            Door::Server(server) => server.to_string(),
            Door::Socket(socket) => socket.display().to_string(),
        }
    }
}

/// What a problem (RFC 9457) means for the command.
fn failure(problem: &Json) -> Failure {
    let text = |key: &str| problem.member(key).and_then(Json::as_str).unwrap_or_default();
    let mut message = format!("{}: {}", text("title"), visible(text("detail")));
    for finding in problem.member("findings").and_then(Json::as_array).unwrap_or_default() {
        message.push_str("\n  ");
        message.push_str(&told(finding));
    }
    if !text("next").is_empty() {
        message.push_str(&format!("\n  next: {}", visible(text("next"))));
    }
    let exit = match text("type").rsplit('/').next().unwrap_or_default() {
        "sign-in" | "stranger" => Exit::Unauthenticated,
        "forbidden" => Exit::Denied,
        "not-found" => Exit::NotFound,
        "invalid" => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(message).with_exit(exit)
}

/// One finding of the policy loader, in one line: place, message, help.
pub(crate) fn told(finding: &Json) -> String {
    let text = |key: &str| finding.member(key).and_then(Json::as_str).map(visible);
    let place: Vec<String> = ["line", "column"]
        .iter()
        .filter_map(|key| finding.member(key).and_then(Json::as_integer))
        .map(|number| format!(":{number}"))
        .collect();
    let mut line = format!("{}{}: ", text("file").unwrap_or_default(), place.concat());
    if let Some(policy) = text("policy") {
        line.push_str(&format!("policy `{policy}`: "));
    }
    line.push_str(&text("message").unwrap_or_default());
    if let Some(help) = text("help") {
        line.push_str(&format!("; {help}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_problem_has_its_exit_code() {
        for (slug, exit) in [
            ("sign-in", Exit::Unauthenticated),
            ("stranger", Exit::Unauthenticated),
            ("forbidden", Exit::Denied),
            ("not-found", Exit::NotFound),
            ("invalid", Exit::Usage),
            ("conflict", Exit::Failed),
            ("unavailable", Exit::Failed),
        ] {
            let problem = Object::new()
                .with("type", format!("https://placet.dev/problems/{slug}"))
                .with("title", "not done")
                .with("detail", "because\u{202e}")
                .with("next", "do this");
            let failure = failure(&problem.into());
            assert_eq!(failure.exit(), exit, "{slug}");
            assert_eq!(failure.to_string(), "not done: because\\u{202e}\n  next: do this");
        }
    }

    #[tokio::test]
    async fn a_socket_that_nobody_made_is_unreachable() {
        let failure = Client::new("/nonexistent/control.sock".into()).get("/v1/status").await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert!(failure.to_string().contains("`placet up`"), "{failure}");
    }
}
