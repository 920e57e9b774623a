//! The HTTP side of the bridge: sends a message, and hands every message of the reply to standard output.

use std::{path::Path, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use placet_domain::{ConnectorName, Json, limits};
use placet_wire::{
    Id, MCP_SESSION_ID, Outbound, ResponseBody,
    reply::{self, NOT_ACCEPTED, TOOL_FAILED, UNAUTHENTICATED, UNAVAILABLE},
    sse,
};
use tokio::sync::mpsc;

use crate::{
    command::stdio::{
        conversation::{Conversation, Turn},
        token::Token,
    },
    exit::Exit,
    failure::Failure,
    print::{note, visible},
    web::{self, Client},
};

/// The pause before a stream that ended is opened again, unless the stream names one.
const AGAIN: Duration = Duration::from_secs(1);
/// How long closing a session may take.
const CLOSING: Duration = Duration::from_secs(2);
/// Where a Placet listens whose configuration does not say.
const LISTEN: &str = "127.0.0.1:7420";

type Answers = mpsc::Sender<Bytes>;

/// One connector of a running gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) conversation: Conversation,
    uri: Uri,
    token: Token,
    http: Client,
}

/// The address in `gateway.listen`. Nothing else of the configuration is looked at: its secrets are not ours.
pub(crate) fn listening(config: &Path) -> Result<String, Failure> {
    let text = match std::fs::read_to_string(config) {
        Ok(text) => text,
        Err(_) => return Ok(format!("http://{LISTEN}")),
    };
    let table: toml::Table =
        text.parse().map_err(Failure::of(format!("{} is not TOML", config.display())))?;
    let listen = table.get("gateway").and_then(|gateway| gateway.get("listen")).and_then(toml::Value::as_str);
    Ok(format!("http://{}", listen.unwrap_or(LISTEN)))
}

impl Gateway {
    /// A connector at a base address: `https`, or plain `http` within this machine.
    pub(crate) fn new(base: &str, connector: &ConnectorName, token: Token) -> Result<Self, Failure> {
        let address = format!("{}/mcp/{connector}", base.trim_end_matches('/'));
        let uri = web::address(&address).map_err(|why| Failure::new(why).with_exit(Exit::Usage))?;
        let http = web::client().map_err(Failure::new)?;
        Ok(Self { conversation: Conversation::default(), uri, token, http })
    }

    /// Sends a message of the client. A request always gets an answer, from whomever it comes.
    pub(crate) async fn send(&self, turn: Turn, line: Bytes, answers: &Answers) {
        let sent = self.request(Method::POST, &turn.headers, line).await;
        let ended = match sent {
            Ok(response) => self.take(&turn, response, answers).await,
            Err(end) => Err(end),
        };
        let Err(end) = ended else { return };
        note(&format!("placet: `{}` was not answered: {}", turn.method.as_deref().unwrap_or("?"), end.why));
        if let Some(id) = &turn.id {
            let message = reply::error(Some(id), end.code, &end.why, None);
            drop(answers.send(message).await);
        }
    }

    /// Takes the reply: nothing, one message, or a stream that ends with the answer.
    async fn take(&self, turn: &Turn, response: Response<Incoming>, answers: &Answers) -> Result<(), End> {
        let (status, session) = (response.status(), response.headers().get(&MCP_SESSION_ID).cloned());
        if status.is_success() && is_stream(&response) {
            let mut decoder = sse::Decoder::new();
            let answered = self.stream(response, &mut decoder, turn.id.as_ref(), answers).await;
            return match (answered, &turn.id) {
                (true, _) | (_, None) => Ok(()),
                (false, Some(_)) => Err(End::lost("the stream ended before the answer")),
            };
        }
        let body = whole(response).await?;
        if !status.is_success() {
            return self.refused(turn, status, &body, answers).await;
        }
        if body.is_empty() {
            return match &turn.id {
                None => Ok(()),
                Some(_) => Err(End::lost("the reply is empty")),
            };
        }
        self.learn(turn, session, &body);
        drop(answers.send(body).await);
        Ok(())
    }

    /// A refusal with a JSON-RPC body is passed on; another becomes one.
    async fn refused(
        &self,
        turn: &Turn,
        status: StatusCode,
        body: &Bytes,
        answers: &Answers,
    ) -> Result<(), End> {
        let is_answer = match Outbound::parse(body) {
            Ok(Outbound::Response { id, .. }) => turn.id.as_ref() == Some(&id),
            // The gateway could not make out the id; neither can the client, but it may want to know.
            Ok(Outbound::Unaddressed(_)) => turn.id.is_none() && turn.method.is_none(),
            _ => false,
        };
        if is_answer {
            drop(answers.send(body.clone()).await);
            return Ok(());
        }
        let details = Json::parse(body).unwrap_or(Json::Null);
        let message = details.member("detail").or_else(|| details.member("error")?.member("message"));
        let told = message.and_then(Json::as_str).map(visible);
        let why =
            told.unwrap_or_else(|| format!("the gateway answered with HTTP status {}", status.as_u16()));
        let code = match status {
            StatusCode::UNAUTHORIZED => UNAUTHENTICATED,
            _ if status.is_server_error() => UNAVAILABLE,
            _ => NOT_ACCEPTED,
        };
        Err(End { code, why })
    }

    /// What later messages need from this one.
    fn learn(&self, turn: &Turn, session: Option<HeaderValue>, message: &Bytes) {
        let needed = matches!(turn.method.as_deref(), Some("initialize" | "tools/list"));
        let Some(Ok(message)) = needed.then(|| Json::parse(message)) else { return };
        let Some(result) = message.member("result") else { return };
        match turn.method.as_deref() {
            Some("initialize") => self.conversation.opened(session, result),
            _ => self.conversation.shown(result),
        }
    }

    /// Hands on the messages of a stream. Says whether the answer to `id` was among them.
    async fn stream(
        &self,
        response: Response<Incoming>,
        decoder: &mut sse::Decoder,
        id: Option<&Id>,
        answers: &Answers,
    ) -> bool {
        let mut body = response.into_body();
        let mut answered = false;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { break };
            let Ok(chunk) = frame.into_data() else { continue };
            let Ok(events) = decoder.push(&chunk) else { break };
            for event in events.into_iter().filter(|event| !event.data.is_empty()) {
                let message = Bytes::from(event.data);
                answered |= id.is_some_and(|id| answers_to(&message, id));
                if answers.send(message).await.is_err() {
                    return answered;
                }
            }
        }
        answered
    }

    /// Keeps the session's own stream open, as long as the session has one.
    pub(crate) async fn listen(&self, answers: &Answers) {
        let mut decoder = sse::Decoder::new();
        loop {
            let mut headers = self.conversation.standing();
            if let Ok(last) = HeaderValue::from_str(decoder.last_event_id())
                && !last.is_empty()
            {
                headers.push((HeaderName::from_static("last-event-id"), last));
            }
            match self.request(Method::GET, &headers, Bytes::new()).await {
                Ok(response) if response.status().is_success() && is_stream(&response) => {
                    self.stream(response, &mut decoder, None, answers).await;
                }
                // A session without a stream, an ended session, a credential that has run out: nothing to wait for.
                Ok(response) if response.status().is_client_error() => return,
                Ok(_) | Err(_) => {}
            }
            let pause = decoder.retry().unwrap_or(AGAIN);
            // What was half received belongs to the connection that ended.
            decoder = resumed(&decoder);
            tokio::time::sleep(pause).await;
        }
    }

    /// Ends the session, so that nothing is kept for it.
    pub(crate) async fn close(&self) {
        if self.conversation.session().is_some() {
            let headers = self.conversation.standing();
            drop(tokio::time::timeout(CLOSING, self.request(Method::DELETE, &headers, Bytes::new())).await);
        }
    }

    async fn request(
        &self,
        method: Method,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Response<Incoming>, End> {
        let token = self.token.header().map_err(|why| End { code: UNAUTHENTICATED, why })?;
        let accept = match method {
            Method::GET => "text/event-stream",
            _ => "application/json, text/event-stream",
        };
        let mut request = Request::builder()
            .method(method)
            .uri(self.uri.clone())
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, accept);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| End { code: NOT_ACCEPTED, why: error.to_string() })?;
        self.http.request(request).await.map_err(|error| match error.is_connect() {
            true => {
                let why =
                    format!("no Placet answers at {}; nothing was sent; start it with `placet up`", self.uri);
                End { code: UNAVAILABLE, why }
            }
            false => End::lost(&format!("the connection to {} broke", self.uri)),
        })
    }
}

/// Why a message has no answer of the gateway.
#[derive(Debug)]
struct End {
    code: i64,
    why: String,
}

impl End {
    /// The message went out, and what became of it is not known.
    fn lost(why: &str) -> Self {
        let code = placet_domain::Code::OutcomeUnknown;
        Self { code: TOOL_FAILED, why: format!("{code} {}: {why}. Next: {}.", code.what(), code.next()) }
    }
}

/// A decoder for the next connection of the same stream: it knows the last event, and nothing half read.
fn resumed(before: &sse::Decoder) -> sse::Decoder {
    let mut decoder = sse::Decoder::new();
    if !before.last_event_id().is_empty() {
        // An event without data only sets the id.
        drop(decoder.push(format!("id: {}\n\n", before.last_event_id()).as_bytes()));
    }
    decoder
}

fn is_stream(response: &Response<Incoming>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
}

fn answers_to(message: &[u8], wanted: &Id) -> bool {
    matches!(
        Outbound::parse(message),
        Ok(Outbound::Response { id, body: ResponseBody::Result(_) | ResponseBody::Error(_) }) if id == *wanted
    )
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, End> {
    // The gateway adds a receipt to what a tool answers.
    let limit = limits::REPLY_BYTES + 64 * 1024;
    match Limited::new(response.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(End::lost(&format!("the reply cannot be read: {error}"))),
    }
}
