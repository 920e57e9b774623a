//! Revision 2026-07-28: every request stands alone, carries its own version and capabilities, and is answered on
//! its own connection. MCP 2026-07-28, basic/index and basic/transports.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::era::{Era, STATELESS, TASKS, WITH_SESSIONS, capabilities, server_info};
use crate::headers::{PROTOCOL_VERSION, mirror, mirror_arguments, text};
use crate::http::{event_stream, json_response, refusal};
use crate::hub::{Filter, tagged};
use crate::input::Input;
use crate::line::{Frame, Level, Line};
use crate::message::{Fault, INVALID_REQUEST, Incoming, Object, UNSUPPORTED_VERSION, reply};
use crate::server::Server;
use crate::tools::Call;
use crate::{catalog, prompts, resources, tools};

pub(crate) const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";

/// Answers one POST.
pub(crate) async fn accept(server: Arc<Server>, headers: &HeaderMap, message: Incoming) -> Response {
    let (id, method, params) = match message {
        Incoming::Request { id, method, params } => (id, method, params),
        Incoming::Notification { method, params } => {
            return match mirror(headers, &method, &params) {
                Ok(()) => StatusCode::ACCEPTED.into_response(),
                Err(fault) => refusal(None, &fault),
            };
        }
        Incoming::Response { id, .. } => {
            return refusal(Some(&id), &Fault::bad_request(INVALID_REQUEST, "a client sends no responses"));
        }
    };
    let request = match Request::parse(headers, method, params) {
        Ok(request) => request,
        Err(fault) => return refusal(Some(&id), &fault),
    };
    let (frames, answer) = mpsc::channel(FRAMES);
    let gone = frames.clone();
    let request_id = id.clone();
    tokio::spawn(async move {
        let line = Line::Stateless { frames: frames.clone(), level: request.level };
        tokio::select! {
            outcome = dispatch(server, request, request_id, line) => {
                // An error says that the client has gone.
                let _ = frames.send(Frame::Done(outcome.map(enveloped))).await;
            }
            // Closing the stream cancels the request.
            () = gone.closed() => {}
        }
    });
    respond(id, prefers_stream(headers), answer).await
}

/// A request whose envelope holds: version, capabilities and mirrored headers.
struct Request {
    method: String,
    params: Object,
    capabilities: Value,
    progress_token: Option<Value>,
    level: Option<Level>,
}

impl Request {
    fn parse(headers: &HeaderMap, method: String, mut params: Object) -> Result<Self, Fault> {
        let Some(version) = text(headers, PROTOCOL_VERSION) else {
            return Err(Fault::header_mismatch("the header `mcp-protocol-version` is missing"));
        };
        let Some(Value::Object(mut meta)) = params.remove("_meta") else {
            return Err(Fault {
                status: StatusCode::BAD_REQUEST,
                ..Fault::invalid_params("`_meta` is missing")
            });
        };
        let (Some(Value::String(claimed)), Some(capabilities @ Value::Object(_))) =
            (meta.remove(VERSION_KEY), meta.remove(CAPABILITIES_KEY))
        else {
            let message = format!("`_meta` lacks `{VERSION_KEY}` or `{CAPABILITIES_KEY}`");
            return Err(Fault { status: StatusCode::BAD_REQUEST, ..Fault::invalid_params(message) });
        };
        if claimed != version {
            return Err(Fault::header_mismatch("`mcp-protocol-version` differs from `_meta`"));
        }
        if version != STATELESS {
            return Err(Fault::bad_request(UNSUPPORTED_VERSION, "this protocol version is not spoken here")
                .with_data(json!({ "supported": supported_versions(), "requested": version })));
        }
        mirror(headers, &method, &params)?;
        if let ("tools/call", Some(Value::String(tool))) = (method.as_str(), params.get("name"))
            && let Some(schema) = catalog::input_schema(Era::Stateless, tool)
        {
            let none = Object::new();
            let arguments = params.get("arguments").and_then(Value::as_object).unwrap_or(&none);
            mirror_arguments(headers, &schema, arguments)?;
        }
        let level = Level::parse(meta.get(LOG_LEVEL_KEY));
        Ok(Self { method, params, capabilities, progress_token: meta.remove("progressToken"), level })
    }

    fn text(&self, key: &str) -> Result<&str, Fault> {
        self.params
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| Fault::invalid_params(format!("`{key}` is missing or not a string")))
    }
}

async fn dispatch(server: Arc<Server>, mut request: Request, id: Value, line: Line) -> Result<Value, Fault> {
    match request.method.as_str() {
        "server/discover" => Ok(listing(json!({
            "supportedVersions": supported_versions(),
            "capabilities": capabilities(Era::Stateless),
            "instructions": "A fixture for conformance tests",
        }))),
        "tools/list" => Ok(listing(json!({ "tools": catalog::tools(Era::Stateless) }))),
        "tools/call" => {
            let name = request.text("name")?.to_owned();
            let call = Call {
                era: Era::Stateless,
                name,
                arguments: tools::arguments(&mut request.params)?,
                input: Input::take(&mut request.params, request.capabilities)?,
                progress_token: request.progress_token,
                line,
            };
            tools::run(server, call).await
        }
        "resources/list" => Ok(listing(json!({ "resources": resources::list() }))),
        "resources/templates/list" => Ok(listing(json!({ "resourceTemplates": resources::templates() }))),
        "resources/read" => resources::read(Era::Stateless, request.text("uri")?).map(listing),
        "prompts/list" => Ok(listing(json!({ "prompts": prompts::list(Era::Stateless) }))),
        "prompts/get" => {
            let name = request.text("name")?.to_owned();
            let arguments = tools::arguments(&mut request.params)?;
            let input = Input::take(&mut request.params, request.capabilities)?;
            prompts::render(Era::Stateless, &name, &arguments, &input)
        }
        "completion/complete" => prompts::complete(&request.params),
        "subscriptions/listen" => listen(&server, &request.params, &id, &line).await,
        "tasks/get" | "tasks/update" | "tasks/cancel" => task(&server, &request),
        unknown => Err(Fault::method_not_found(unknown)),
    }
}

fn task(server: &Server, request: &Request) -> Result<Value, Fault> {
    if !declares_tasks(&request.capabilities) {
        return Err(Fault::missing_capability(json!({ "extensions": { TASKS: {} } })));
    }
    let task = request.text("taskId")?;
    match request.method.as_str() {
        "tasks/get" => server.tasks.detail(task),
        "tasks/cancel" => server.tasks.cancel(task),
        _ => {
            let Some(Value::Object(answers)) = request.params.get("inputResponses") else {
                return Err(Fault::invalid_params("`inputResponses` is missing"));
            };
            server.tasks.answer(task, answers)
        }
    }
}

/// Whether these client capabilities declare the tasks extension.
pub(crate) fn declares_tasks(capabilities: &Value) -> bool {
    capabilities.get("extensions").and_then(|extensions| extensions.get(TASKS)).is_some()
}

/// Ends only when the client closes the stream.
async fn listen(server: &Server, params: &Object, id: &Value, line: &Line) -> Result<Value, Fault> {
    let filter = Filter::parse(params)?;
    let Line::Stateless { frames, .. } = line else {
        return Err(Fault::method_not_found("subscriptions/listen"));
    };
    // Subscribe before acknowledging: what happens after the acknowledgement is then not missed.
    let mut changes = server.hub.changes();
    let _ = frames.send(Frame::Message(filter.acknowledgement(id))).await;
    loop {
        match changes.recv().await {
            Ok(change) if filter.admits(&change) => {
                let message = tagged(change.method(), change.params(), id);
                let _ = frames.send(Frame::Message(message)).await;
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => {
                return Ok(json!({ "_meta": { "io.modelcontextprotocol/subscriptionId": id } }));
            }
        }
    }
}

fn supported_versions() -> Vec<&'static str> {
    std::iter::once(STATELESS).chain(WITH_SESSIONS).collect()
}

/// Adds the caching hints that lists and reads must carry (SEP-2549). The lists are the same for everybody.
fn listing(mut result: Value) -> Value {
    if let Some(members) = result.as_object_mut() {
        members.insert("ttlMs".into(), LIST_TTL_MILLISECONDS.into());
        members.insert("cacheScope".into(), "public".into());
    }
    result
}

/// Adds what every result carries: its type, and who made it.
fn enveloped(mut result: Value) -> Value {
    if let Some(members) = result.as_object_mut() {
        members.entry("resultType").or_insert_with(|| "complete".into());
        let meta = members.entry("_meta").or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("io.modelcontextprotocol/serverInfo".into(), server_info());
        }
    }
    result
}

/// A client that lists the event stream first gets one even where JSON would do.
fn prefers_stream(headers: &HeaderMap) -> bool {
    text(headers, header::ACCEPT.as_str()).is_some_and(|accept| accept.starts_with("text/event-stream"))
}

/// JSON if the outcome comes first, else an event stream. Errors before any event keep their HTTP status.
async fn respond(id: Value, prefers_stream: bool, mut answer: mpsc::Receiver<Frame>) -> Response {
    match answer.recv().await {
        Some(Frame::Done(outcome)) if outcome.is_err() || !prefers_stream => {
            let status = outcome.as_ref().map_or_else(|fault| fault.status, |_| StatusCode::OK);
            json_response(status, &reply(&id, &outcome))
        }
        Some(first) => event_stream(events(id, first, answer)),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn events(id: Value, first: Frame, answer: mpsc::Receiver<Frame>) -> Body {
    Body::from_stream(unfold((Some(first), answer), move |(first, mut answer)| {
        let id = id.clone();
        async move {
            let text = match first {
                Some(frame) => event(&id, frame),
                None => match tokio::time::timeout(KEEP_ALIVE, answer.recv()).await {
                    Ok(frame) => event(&id, frame?),
                    Err(_) => ":\n\n".into(),
                },
            };
            Some((Ok::<_, Infallible>(Bytes::from(text)), (None, answer)))
        }
    }))
}

fn event(id: &Value, frame: Frame) -> String {
    match frame {
        Frame::Open => ":\n\n".into(),
        Frame::Message(message) => format!("data: {message}\n\n"),
        Frame::Done(outcome) => format!("data: {}\n\n", reply(id, &outcome)),
    }
}

const FRAMES: usize = 16;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const LIST_TTL_MILLISECONDS: u32 = 60_000;
