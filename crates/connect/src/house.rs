//! The gateway's own conversation with an upstream: which tools there are, facts for policies, who it is.
//! It speaks the newest era the upstream speaks, and never for an agent.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use placet_domain::{Json, Object, ToolDefinition, ToolName, limits};
use placet_engine::ports::{Answered, ConnectError, Link, Passed};
use placet_wire::{Era, RawResult, SessionVersion, list, meta};
use tokio::sync::Mutex;

use crate::{
    connector::{Ask, Way},
    ending::Ending,
    outlet::Outlet,
};

/// How long the upstream may take to say which era it speaks, or to open a session.
const GREETING: Duration = Duration::from_secs(5);
/// How long one page of a list may take.
const PAGE: Duration = Duration::from_secs(30);
/// Pages of one list.
const PAGES: usize = 64;
/// Tools of one connector.
const TOOLS: usize = 4_096;
/// Characters of an upstream's error message that are kept.
const MESSAGE: usize = 300;

/// The gateway's own link, opened at first use.
#[derive(Debug, Default)]
pub(crate) struct House {
    open: Mutex<Option<Arc<Open>>>,
}

#[derive(Debug)]
struct Open {
    link: Link,
    era: Era,
    server: String,
}

impl House {
    /// Every tool of the upstream, in its own order.
    pub(crate) async fn tools(&self, way: &Way) -> Result<Vec<ToolDefinition>, ConnectError> {
        let mut tools: Vec<ToolDefinition> = Vec::new();
        let mut cursor: Option<String> = None;
        for _page in 0..PAGES {
            let params = Object::new().with_some("cursor", cursor.as_deref());
            let page = self.request(way, "tools/list", None, params, PAGE).await?;
            let page = RawResult::parse(&page)
                .and_then(|page| list::tools(&page))
                .map_err(|error| protocol(error.to_string()))?;
            for refused in page.refused {
                tracing::warn!(
                    tool = refused.name.as_deref().unwrap_or("?"),
                    why = refused.why,
                    "a tool is left out"
                );
            }
            for tool in page.tools {
                if tools.iter().any(|known| known.name == tool.name) {
                    return Err(protocol(format!("tool `{}` is listed twice", tool.name)));
                }
                tools.push(tool);
            }
            if tools.len() > TOOLS {
                return Err(protocol(format!("more than {TOOLS} tools")));
            }
            match page.next_cursor {
                None => return Ok(tools),
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                Some(_) => return Err(protocol("a list whose `nextCursor` leads nowhere")),
            }
        }
        Err(protocol(format!("a list of more than {PAGES} pages")))
    }

    /// What a read tool says about a resource.
    pub(crate) async fn facts(
        &self,
        way: &Way,
        tool: &ToolName,
        arguments: Object,
    ) -> Result<Json, ConnectError> {
        let params = Object::new().with("name", tool.as_str()).with("arguments", arguments);
        let asking = self.request(way, "tools/call", Some(tool), params, limits::FACT_DEADLINE);
        let result = tokio::time::timeout(limits::FACT_DEADLINE, asking).await.map_err(|_late| {
            ConnectError::Unreachable(format!("no answer within {} ms", limits::FACT_DEADLINE.as_millis()))
        })??;
        facts_of(&parse(&result)?)
    }

    /// Who answers, and in which era. Asks anew.
    pub(crate) async fn probe(&self, way: &Way) -> Result<String, ConnectError> {
        let open = self.open.lock().await.clone();
        if let Some(open) = open {
            self.discard(way, &open).await;
        }
        let open = self.opened(way).await?;
        Ok(format!("{}, MCP {}", open.server, open.era))
    }

    /// Forgets the link; the next use opens another.
    pub(crate) async fn forget(&self) {
        self.open.lock().await.take();
    }

    /// Ends this link, unless another has taken its place.
    async fn discard(&self, way: &Way, link: &Arc<Open>) {
        let ended = self.open.lock().await.take_if(|open| Arc::ptr_eq(open, link));
        if let Some(Link::Session(session)) = ended.map(|open| open.link.clone()) {
            way.close(session).await;
        }
    }

    /// Sends a request that has no effect, so that it may be sent again in a new session.
    async fn request(
        &self,
        way: &Way,
        method: &str,
        tool: Option<&ToolName>,
        params: Object,
        deadline: Duration,
    ) -> Result<Bytes, ConnectError> {
        let first = self.request_once(way, method, tool, params.clone(), deadline).await;
        match first {
            Err(ConnectError::NoSession) => self.request_once(way, method, tool, params, deadline).await,
            first => first,
        }
    }

    async fn request_once(
        &self,
        way: &Way,
        method: &str,
        tool: Option<&ToolName>,
        params: Object,
        deadline: Duration,
    ) -> Result<Bytes, ConnectError> {
        let open = self.opened(way).await?;
        let params = if open.era.is_stateless() { with_meta(params) } else { params };
        let ask = Ask { method, tool, params: &params, link: &open.link, deadline: Some(deadline) };
        let passed = way.ask(ask, Outlet::Nowhere).await.passed();
        // A lost session, or an HTTP error, which may mean another server or another era. A slow answer means neither.
        if matches!(&passed, Err(ConnectError::NoSession) | Ok(Passed { status: Some(_), .. })) {
            self.discard(way, &open).await;
        }
        answer(passed?)
    }

    async fn opened(&self, way: &Way) -> Result<Arc<Open>, ConnectError> {
        let mut open = self.open.lock().await;
        if let Some(open) = &*open {
            return Ok(Arc::clone(open));
        }
        let opened = Arc::new(match discover(way).await? {
            Some(opened) => opened,
            None => {
                way.rest().await;
                initialize(way).await?
            }
        });
        *open = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

/// Tries the stateless era. `None` if the upstream does not speak it; an error if nothing speaks there.
async fn discover(way: &Way) -> Result<Option<Open>, ConnectError> {
    let params = with_meta(Object::new());
    let link = Link::Stateless;
    let ask =
        Ask { method: "server/discover", tool: None, params: &params, link: &link, deadline: Some(GREETING) };
    let ending = way.ask(ask, Outlet::Nowhere).await;
    match ending {
        Ending::NotSent(detail) => return Err(ConnectError::Unreachable(detail)),
        Ending::Unauthorized { detail, .. } => return Err(ConnectError::Refused(detail)),
        _ => {}
    }
    let Ok(Passed { answer: Some(Answered::Result(result)), .. }) = ending.passed() else { return Ok(None) };
    let Ok(result) = Json::parse(&result) else { return Ok(None) };
    let versions = result.member("supportedVersions").and_then(Json::as_array).unwrap_or_default();
    let speaks = versions.iter().any(|version| version.as_str() == Some(Era::Stateless.version()));
    let named = result.member("_meta").and_then(|meta| meta.member("io.modelcontextprotocol/serverInfo"));
    let server = server_name(named.or_else(|| result.member("serverInfo")));
    Ok(speaks.then_some(Open { link, era: Era::Stateless, server }))
}

/// Opens a session.
async fn initialize(way: &Way) -> Result<Open, ConnectError> {
    let params = Object::new()
        .with("protocolVersion", SessionVersion::V2025_11_25.version())
        .with("capabilities", Object::new())
        .with("clientInfo", client_info());
    let passed = tokio::time::timeout(GREETING, way.open(&params, Outlet::Nowhere))
        .await
        .map_err(|_late| ConnectError::Unreachable("no answer to `initialize`".to_owned()))??;
    let session = passed.session;
    let result = parse(&answer(passed)?)?;
    let link = Link::Session(session.ok_or_else(|| protocol("`initialize` opened no session"))?);
    let version = result.member("protocolVersion").and_then(Json::as_str).unwrap_or_default();
    let version: SessionVersion =
        version.parse().map_err(|error: placet_wire::UnsupportedVersion| protocol(error.to_string()))?;
    way.notify("notifications/initialized", &Object::new(), &link, None).await.or_else(|ending| {
        ending.passed().map(|_refused| ()) // A server that refuses the notification still answers requests.
    })?;
    Ok(Open { link, era: Era::Session(version), server: server_name(result.member("serverInfo")) })
}

fn with_meta(params: Object) -> Object {
    let meta = Object::new()
        .with(meta::PROTOCOL_VERSION, Era::Stateless.version())
        .with(meta::CLIENT_CAPABILITIES, Object::new())
        .with(meta::CLIENT_INFO, client_info());
    params.with("_meta", meta)
}

fn client_info() -> Object {
    Object::new().with("name", "placet").with("version", env!("CARGO_PKG_VERSION"))
}

fn server_name(info: Option<&Json>) -> String {
    let text = |key| info.and_then(|info| info.member(key)).and_then(Json::as_str);
    match (text("name"), text("version")) {
        (Some(name), Some(version)) => cut(&format!("{name} {version}")),
        (Some(name), None) => cut(name),
        (None, _) => "unnamed server".to_owned(),
    }
}

fn answer(passed: Passed) -> Result<Bytes, ConnectError> {
    match (passed.answer, passed.status) {
        (Some(Answered::Result(result)), _) => Ok(result),
        (Some(Answered::Error(error)), _) => {
            let error = parse(&error)?;
            let message =
                error.member("message").and_then(Json::as_str).unwrap_or("an error without a message");
            Err(ConnectError::Refused(cut(message)))
        }
        (None, Some(status)) => Err(ConnectError::Refused(format!("HTTP {status}"))),
        (None, None) => Err(protocol("no answer")),
    }
}

fn facts_of(result: &Json) -> Result<Json, ConnectError> {
    let blocks = result.member("content").and_then(Json::as_array).unwrap_or_default();
    let text = match blocks {
        [block] if block.member("type").and_then(Json::as_str) == Some("text") => {
            block.member("text").and_then(Json::as_str)
        }
        _ => None,
    };
    match result.member("isError") {
        None | Some(Json::Bool(false)) => {}
        Some(_) => return Err(ConnectError::Refused(cut(text.unwrap_or("the tool failed")))),
    }
    match (result.member("resultType").map(Json::as_str), result.member("structuredContent"), text) {
        (None | Some(Some("complete")), Some(content), _) => Ok(content.clone()),
        (None | Some(Some("complete")), None, Some(text)) => parse(text.as_bytes()),
        (None | Some(Some("complete")), None, None) => Err(protocol("a result without structured content")),
        (Some(_), _, _) => Err(protocol("a result that is not complete")),
    }
}

fn parse(bytes: &[u8]) -> Result<Json, ConnectError> {
    Json::parse(bytes).map_err(|error| protocol(error.to_string()))
}

fn protocol(detail: impl Into<String>) -> ConnectError {
    ConnectError::Protocol(detail.into())
}

/// A stranger's text, fit for one line of a log.
fn cut(text: &str) -> String {
    text.chars().take(MESSAGE).flat_map(char::escape_debug).collect()
}
