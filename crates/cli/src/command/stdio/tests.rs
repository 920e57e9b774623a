//! The bridge between a scripted client and a scripted gateway.

use std::{convert::Infallible, sync::Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use placet_domain::Json;
use tokio::{
    io::{AsyncBufReadExt as _, DuplexStream, Lines},
    net::TcpListener,
};

use super::*;

type Log = Arc<Mutex<Vec<String>>>;

/// A client that holds the other ends of standard input and output.
struct Client {
    input: Option<DuplexStream>,
    output: Lines<BufReader<DuplexStream>>,
    bridge: JoinHandle<Result<Exit, Failure>>,
    log: Log,
}

impl Client {
    async fn new() -> Self {
        let log = Log::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, log.clone()));
        Self::at(&base, log)
    }

    fn at(base: &str, log: Log) -> Self {
        let gateway = Gateway::new(base, &"crm".parse().unwrap(), Token::Text("secret".into())).unwrap();
        let (input, theirs) = tokio::io::duplex(64 * 1024);
        let (ours, output) = tokio::io::duplex(64 * 1024);
        let bridge =
            tokio::spawn(async move { carry(Arc::new(gateway), BufReader::new(theirs), ours).await });
        Self { input: Some(input), output: BufReader::new(output).lines(), bridge, log }
    }

    async fn say(&mut self, line: &str) {
        self.input.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Json {
        let line = tokio::time::timeout(Duration::from_secs(5), self.output.next_line()).await;
        let line = line.expect("an answer in time").unwrap().expect("an answer");
        Json::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Closes standard input; every line that still comes.
    async fn end(mut self) -> Vec<String> {
        drop(self.input.take());
        let mut rest = Vec::new();
        while let Some(line) = self.output.next_line().await.unwrap() {
            rest.push(line);
        }
        assert_eq!(self.bridge.await.unwrap().unwrap(), Exit::Ok);
        rest
    }
}

async fn serve(listener: TcpListener, log: Log) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let log = log.clone();
        let service = service_fn(move |request| answer(request, log.clone()));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service),
        );
    }
}

/// A gateway by script: `initialize`, a pretty answer, a stream, a slow call, a refused credential.
async fn answer(request: Request<Incoming>, log: Log) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| {
        request.headers().get(name).map_or("-".to_owned(), |value| value.to_str().unwrap().to_owned())
    };
    let place = format!(
        "{} {} {} {} {}",
        request.method(),
        request.uri().path(),
        header("authorization"),
        header("mcp-session-id"),
        header("mcp-protocol-version")
    );
    let method = request.method().clone();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let message = Json::parse(&body).unwrap_or(Json::Null);
    let name = message.member("method").and_then(Json::as_str).unwrap_or("-").to_owned();
    log.lock().unwrap().push(format!("{place} {name}"));
    let id = message.member("id").map(Json::canonical).unwrap_or_default();
    let reply = |status: StatusCode, kind: &str, session: bool, text: String| {
        let mut response = Response::builder().status(status).header("content-type", kind);
        if session {
            response = response.header("mcp-session-id", "s-1");
        }
        Ok(response.body(Full::new(Bytes::from(text))).unwrap())
    };
    let json = "application/json";
    match (method, name.as_str()) {
        (Method::GET, _) => {
            let events =
                "id: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";
            let first = log.lock().unwrap().iter().filter(|line| line.starts_with("GET")).count() == 1;
            match first {
                true => reply(StatusCode::OK, "text/event-stream", false, events.to_owned()),
                false => reply(StatusCode::METHOD_NOT_ALLOWED, json, false, String::new()),
            }
        }
        (Method::DELETE, _) => reply(StatusCode::OK, json, false, String::new()),
        (_, "initialize") => {
            let text = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\n  \"result\":{{\"protocolVersion\":\"2025-11-25\"}}\n}}"
            );
            reply(StatusCode::OK, json, true, text)
        }
        (_, "notifications/initialized" | "-") => reply(StatusCode::ACCEPTED, json, false, String::new()),
        (_, "slow") => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            reply(
                StatusCode::OK,
                json,
                false,
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"slow\":true}}}}"),
            )
        }
        (_, "tools/call") => {
            let events = format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{}}}}\n\n\
                 data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[]}}}}\n\n"
            );
            reply(StatusCode::OK, "text/event-stream", false, events)
        }
        (_, "cut") => reply(StatusCode::OK, "text/event-stream", false, ": nothing\n\n".to_owned()),
        (_, "refused") => {
            let text = r#"{"title":"credential expired","detail":"PL-1003 credential expired: at noon"}"#;
            reply(StatusCode::UNAUTHORIZED, "application/problem+json", false, text.to_owned())
        }
        _ => reply(StatusCode::NOT_FOUND, json, false, String::new()),
    }
}

#[tokio::test]
async fn a_session_is_opened_kept_listened_to_and_closed() {
    let mut client = Client::new().await;
    client
        .say(r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#)
        .await;
    assert_eq!(client.hear().await.member("id").and_then(Json::as_integer), Some(0));
    client.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    let notice = client.hear().await;
    assert_eq!(notice.member("method").and_then(Json::as_str), Some("notifications/tools/list_changed"));
    client.say(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#).await;
    assert_eq!(client.hear().await.member("method").and_then(Json::as_str), Some("notifications/progress"));
    assert_eq!(client.hear().await.member("id").and_then(Json::as_integer), Some(1));
    let log = client.log.clone();
    assert!(client.end().await.is_empty());
    let log = log.lock().unwrap().clone();
    assert_eq!(log[0], "POST /mcp/crm Bearer secret - - initialize");
    assert_eq!(log[1], "POST /mcp/crm Bearer secret s-1 2025-11-25 notifications/initialized");
    assert!(log.contains(&"GET /mcp/crm Bearer secret s-1 2025-11-25 -".to_owned()), "{log:?}");
    assert!(log.contains(&"POST /mcp/crm Bearer secret s-1 2025-11-25 tools/call".to_owned()), "{log:?}");
    assert_eq!(log.last().unwrap(), "DELETE /mcp/crm Bearer secret s-1 2025-11-25 -");
}

#[tokio::test]
async fn calls_run_beside_each_other_and_the_last_answers_come_after_the_end_of_input() {
    let mut client = Client::new().await;
    client.say(r#"{"jsonrpc":"2.0","id":1,"method":"slow"}"#).await;
    client.say(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}"#).await;
    let rest = client.end().await;
    let ids: Vec<bool> = rest.iter().map(|line| line.contains("\"slow\"")).collect();
    assert_eq!(ids, [false, false, true], "{rest:?}");
}

#[tokio::test]
async fn every_request_gets_an_answer_even_without_one_of_the_gateway() {
    let mut client = Client::new().await;
    client.say(r#"{"jsonrpc":"2.0","id":"a","method":"refused"}"#).await;
    let refused = client.hear().await;
    let error = refused.member("error").unwrap();
    assert_eq!(refused.member("id").and_then(Json::as_str), Some("a"));
    assert_eq!(error.member("message").and_then(Json::as_str), Some("PL-1003 credential expired: at noon"));
    client.say(r#"{"jsonrpc":"2.0","id":2,"method":"cut"}"#).await;
    let cut = client.hear().await.canonical();
    assert!(cut.contains("PL-1502") && cut.contains("\"id\":2"), "{cut}");
    client.say(r#"{"jsonrpc":"2.0","id":3,"method":"nothing"}"#).await;
    assert!(client.hear().await.canonical().contains("HTTP status 404"));
    assert!(client.end().await.is_empty());
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_told_to_the_client() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut client = Client::at(&format!("http://{free}"), Log::default());
    client.say(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await;
    let answer = client.hear().await.canonical();
    assert!(answer.contains("`placet up`") && answer.contains("nothing was sent"), "{answer}");
    assert!(client.end().await.is_empty());
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_and_the_next_one_is_carried() {
    let mut client = Client::new().await;
    client.say(&format!("\"{}\"", "x".repeat(2 * limits::BODY_BYTES))).await;
    assert!(client.hear().await.canonical().contains("larger than"));
    client.say("\n").await;
    client.say(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}"#).await;
    client.hear().await;
    assert_eq!(client.hear().await.member("id").and_then(Json::as_integer), Some(2));
    assert!(client.end().await.is_empty());
}

#[test]
fn a_token_never_crosses_a_network_unencrypted() {
    let refused =
        |base: &str| Gateway::new(base, &"crm".parse().unwrap(), Token::Text("t".into())).map(|_| ());
    for base in [
        "http://10.0.0.1:7420",
        "http://gw.example",
        "ftp://localhost",
        "gw",
        "http://localhost.evil.example",
    ] {
        assert_eq!(refused(base).unwrap_err().exit(), Exit::Usage, "{base}");
    }
    assert!(refused("http://127.0.0.1:7420/").is_ok() && refused("https://gw.example").is_ok());
}

#[test]
fn the_gateway_is_where_the_configuration_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("placet.toml");
    assert_eq!(listening(&path).unwrap(), "http://127.0.0.1:7420");
    std::fs::write(
        &path,
        "[gateway]\nlisten = \"127.0.0.1:9\"\n[connector.crm.headers]\nk = { env = \"UNSET\" }\n",
    )
    .unwrap();
    assert_eq!(listening(&path).unwrap(), "http://127.0.0.1:9");
}
