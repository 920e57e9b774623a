//! One POST: one JSON-RPC message of a client, told apart and sent on its way.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use placet_domain::{Code, ConnectorName, Json, Object, Operation, Refusal, limits};
use placet_engine::{
    Attempt, Caller, Credential, Passage, PassageKind, Reply,
    ports::{Answered, Link, Passed, Relay},
};
use placet_wire::{
    Era, Id, Inbound, Lifecycle, MCP_SESSION_ID, Method, NotificationMethod, Request, SessionVersion,
    WireError, agree, encode_response, era_of, reply,
};
use tokio::sync::mpsc;

use crate::{
    body::Body,
    observe,
    permission::is_ours,
    respond::{Answering, empty, is_about_identity, json, unauthenticated},
    server::Gateway,
    session::{Calls, Late, Session},
};

/// Where a message stands: at which connector, from whom, in which session.
pub(crate) struct Place<'a> {
    pub(crate) connector: &'a ConnectorName,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) credential: &'a Credential,
}

impl Gateway {
    /// Answers one POST.
    pub(crate) async fn post(self: &Arc<Self>, place: Place<'_>, body: &[u8]) -> Response<Body> {
        let parsed = Inbound::parse(body);
        let caller = match self.engine.authenticate_at(place.credential, place.connector) {
            Ok(caller) => caller,
            Err(refusal) => return self.turn_away(&place, parsed.ok(), refusal).await,
        };
        let inbound = match parsed {
            Ok(inbound) => inbound,
            Err(error) => return self.unread(&place, &error.wire(), error.id(), error.refusal()).await,
        };
        let id = match &inbound {
            Inbound::Request(request) => Some(request.id.clone()),
            Inbound::Notification(_) | Inbound::Response(_) => None,
        };
        match era_of(place.headers, &inbound) {
            Ok(era) => self.dispatch(&place, &caller, inbound, era).await,
            Err(error) => self.unread(&place, &error, id.as_ref(), error.refusal()).await,
        }
    }

    async fn dispatch(
        self: &Arc<Self>,
        place: &Place<'_>,
        caller: &Caller,
        inbound: Inbound,
        era: Era,
    ) -> Response<Body> {
        match inbound {
            Inbound::Request(request)
                if matches!(request.method, Method::Lifecycle(Lifecycle::Initialize))
                    && !era.is_stateless() =>
            {
                self.initialize(place, caller, &request).await
            }
            Inbound::Request(request) => match self.road(place, caller, era) {
                Ok(road) => self.request(place, caller, request, road).await,
                Err(refusal) => self.no_session(place, Some(&request.id), &refusal).await,
            },
            Inbound::Notification(notification) => {
                if matches!(notification.method, NotificationMethod::Unknown(_)) {
                    return empty(StatusCode::ACCEPTED);
                }
                let kind = PassageKind::Notify {
                    method: notification.method.as_str().to_owned(),
                    params: notification.params,
                };
                self.tell(place, caller, era, kind).await
            }
            Inbound::Response(response) => {
                let message = encode_response(&response.id, &response.answer);
                self.tell(place, caller, era, PassageKind::Answer(message.into())).await
            }
        }
    }

    /// The session a message belongs to, or none in the stateless era.
    fn road(&self, place: &Place<'_>, caller: &Caller, era: Era) -> Result<Road, Refusal> {
        if era.is_stateless() {
            return Ok(Road { link: Link::Stateless, era, session: None });
        }
        let Some(id) = place.headers.get(&MCP_SESSION_ID).and_then(|value| value.to_str().ok()) else {
            return Err(Refusal::new(Code::UnknownSession, "the request carries no `Mcp-Session-Id`"));
        };
        let session = self.sessions.of(id, caller, place.connector).ok_or_else(|| {
            Refusal::new(Code::UnknownSession, "the session has ended or is not this instance's")
        })?;
        let (link, era) = (Link::Session(session.upstream), Era::Session(session.version));
        Ok(Road { link, era, session: Some(session) })
    }

    async fn request(
        self: &Arc<Self>,
        place: &Place<'_>,
        caller: &Caller,
        request: Request,
        Road { link, era, session }: Road,
    ) -> Response<Body> {
        let agreed = request.method.admit(era).and_then(|()| self.agree(place, &request, era));
        if let Err(error) = agreed {
            return self.unread(place, &error, Some(&request.id), error.refusal()).await;
        }
        match &request.method {
            Method::Act(Operation::Tool(tool)) if is_ours(tool) => {
                self.request_permission(place, caller, request, era).await
            }
            Method::Act(operation) => {
                let answering = Answering {
                    id: request.id.clone(),
                    era,
                    operation: operation.clone(),
                    typed: self.is_typed(place.connector, operation),
                };
                let call = request
                    .into_tool_call(place.connector)
                    .map_err(|error| Refusal::new(Code::Malformed, error.to_string()));
                let attempt = Attempt {
                    credential: place.credential.clone(),
                    connector: place.connector.clone(),
                    call,
                    link,
                };
                self.act(caller, attempt, answering, session).await
            }
            Method::ListTools => {
                let (relay, _frames) = mpsc::channel(limits::RELAY_FRAMES);
                match self.list_tools(caller, place.connector, &request, (link, era), relay).await {
                    Ok((passed, message)) => json(status(&passed), message),
                    Err(refusal) => self.refused(place, &request.id, &refusal),
                }
            }
            Method::Lifecycle(lifecycle) => {
                let params = request.params.clone();
                let kind = match lifecycle {
                    Lifecycle::Discover => PassageKind::Discover(params),
                    Lifecycle::Initialize => PassageKind::Initialize(params),
                    Lifecycle::Ping => PassageKind::Ping(params),
                    Lifecycle::SetLogLevel => PassageKind::SetLogLevel(params),
                };
                self.ask(place, caller, &request.id, link, kind).await
            }
            Method::Unknown(_) => empty(StatusCode::NOT_FOUND),
        }
    }

    fn agree(&self, place: &Place<'_>, request: &Request, era: Era) -> Result<(), WireError> {
        match &request.method {
            Method::Act(Operation::Tool(tool)) => {
                self.engine.with_definition(place.connector, tool, |definition| {
                    let schema = definition.and_then(|definition| definition.input_schema());
                    agree(place.headers, request, era, schema)
                })
            }
            _ => agree(place.headers, request, era, None),
        }
    }

    fn is_typed(&self, connector: &ConnectorName, operation: &Operation) -> bool {
        match operation {
            Operation::Tool(tool) => self.engine.with_definition(connector, tool, |definition| {
                definition.is_some_and(|definition| definition.definition.member("outputSchema").is_some())
            }),
            _ => false,
        }
    }

    async fn initialize(
        self: &Arc<Self>,
        place: &Place<'_>,
        caller: &Caller,
        request: &Request,
    ) -> Response<Body> {
        let passage = Passage {
            connector: place.connector.clone(),
            kind: PassageKind::Initialize(negotiable(&request.params)),
        };
        let (relay, _frames) = mpsc::channel(limits::RELAY_FRAMES);
        let passed = match self.engine.pass(caller, passage, Link::Stateless, relay).await {
            Ok(passed) => passed,
            Err(refusal) => return self.refused(place, &request.id, &refusal),
        };
        let (Some(upstream), Some(Answered::Result(raw))) = (passed.session, &passed.answer) else {
            return answered(&request.id, &passed);
        };
        let Some(version) = negotiated(raw) else {
            self.engine.ports().connectors.close(place.connector, upstream).await;
            let why = "the upstream chose a protocol revision that is not served here";
            return self.refused(place, &request.id, &Refusal::new(Code::ToolUnreachable, why));
        };
        let mut id = [0; 16];
        self.engine.ports().entropy.fill(&mut id);
        let session = Session {
            instance: caller.instance().id,
            connector: place.connector.clone(),
            upstream,
            version,
            calls: Calls::default(),
            late: Late::default(),
        };
        let mut response = answered(&request.id, &passed);
        match self.sessions.open(id, session).map(|id| HeaderValue::from_str(&id)) {
            Some(Ok(id)) => {
                response.headers_mut().insert(&MCP_SESSION_ID, id);
                response
            }
            _ => {
                self.engine.ports().connectors.close(place.connector, upstream).await;
                let why = format!("the instance has {} sessions open", limits::SESSIONS_PER_INSTANCE);
                self.refused(
                    place,
                    &request.id,
                    &Refusal::new(Code::UnknownSession, why).with_next("close some"),
                )
            }
        }
    }

    /// Passes a request of the protocol itself and answers with what comes back.
    async fn ask(
        &self,
        place: &Place<'_>,
        caller: &Caller,
        id: &Id,
        link: Link,
        kind: PassageKind,
    ) -> Response<Body> {
        let passage = Passage { connector: place.connector.clone(), kind };
        let (relay, _frames) = mpsc::channel(limits::RELAY_FRAMES);
        match self.engine.pass(caller, passage, link, relay).await {
            Ok(passed) => answered(id, &passed),
            Err(refusal) => self.refused(place, id, &refusal),
        }
    }

    /// Passes a message that wants no answer; a cancellation with the relay of its call.
    async fn tell(&self, place: &Place<'_>, caller: &Caller, era: Era, kind: PassageKind) -> Response<Body> {
        let road = match self.road(place, caller, era) {
            Ok(road) => road,
            Err(refusal) => return self.no_session(place, None, &refusal).await,
        };
        let relay = road.relay_of(&kind).unwrap_or_else(|| mpsc::channel(1).0);
        let passage = Passage { connector: place.connector.clone(), kind };
        match self.engine.pass(caller, passage, road.link, relay).await {
            Ok(_) => empty(StatusCode::ACCEPTED),
            Err(refusal) => json(StatusCode::BAD_GATEWAY, reply::refusal_of_method(None, &refusal, None)),
        }
    }

    /// A caller that is not accepted. If the token names somebody, the attempt is on record.
    async fn turn_away(
        self: &Arc<Self>,
        place: &Place<'_>,
        inbound: Option<Inbound>,
        refusal: Refusal,
    ) -> Response<Body> {
        observe::stranger(refusal.code);
        let Some(Inbound::Request(request)) = inbound else { return unauthenticated(None, &refusal, None) };
        if !matches!(request.method, Method::Act(_)) {
            return unauthenticated(Some(&request.id), &refusal, None);
        }
        // Only to be recorded. A run may be resumed between this look and the engine's, and still nothing is done that its
        // client was already refused.
        let call = Err(refusal.clone());
        let attempt = Attempt {
            credential: place.credential.clone(),
            connector: place.connector.clone(),
            call,
            link: Link::Stateless,
        };
        match self.refuse(attempt).await {
            Reply::Refused { refusal, receipts } => {
                unauthenticated(Some(&request.id), &refusal, receipts.as_ref())
            }
            // An attempt without a call is never answered.
            Reply::Answered { .. } => unauthenticated(Some(&request.id), &refusal, None),
        }
    }

    /// A message that cannot be read in exactly one way: refused, and on record.
    async fn unread(
        self: &Arc<Self>,
        place: &Place<'_>,
        error: &WireError,
        id: Option<&Id>,
        refusal: Refusal,
    ) -> Response<Body> {
        let attempt = Attempt {
            credential: place.credential.clone(),
            connector: place.connector.clone(),
            call: Err(refusal),
            link: Link::Stateless,
        };
        match self.refuse(attempt).await {
            Reply::Refused { refusal, receipts } if is_about_identity(refusal.code) => {
                unauthenticated(id, &refusal, receipts.as_ref())
            }
            _ => {
                let status = StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::BAD_REQUEST);
                json(status, error.reply(id))
            }
        }
    }

    async fn no_session(&self, place: &Place<'_>, id: Option<&Id>, refusal: &Refusal) -> Response<Body> {
        let status = match place.headers.contains_key(&MCP_SESSION_ID) {
            true => StatusCode::NOT_FOUND,
            false => StatusCode::BAD_REQUEST,
        };
        json(status, reply::refusal_of_method(id, refusal, None))
    }

    fn refused(&self, place: &Place<'_>, id: &Id, refusal: &Refusal) -> Response<Body> {
        let ended = refusal.code == Code::UnknownSession;
        let session = place.headers.get(&MCP_SESSION_ID).and_then(|value| value.to_str().ok());
        if let (true, Some(session)) = (ended, session) {
            self.sessions.close(session);
        }
        let status = if ended { StatusCode::NOT_FOUND } else { StatusCode::OK };
        json(status, reply::refusal_of_method(Some(id), refusal, None))
    }
}

/// How a message reaches its connector, and as what.
struct Road {
    link: Link,
    era: Era,
    session: Option<Arc<Session>>,
}

impl Road {
    /// The relay of the call that a cancellation is about.
    fn relay_of(&self, kind: &PassageKind) -> Option<Relay> {
        let PassageKind::Notify { method, params } = kind else { return None };
        if method != NotificationMethod::Cancelled.as_str() {
            return None;
        }
        let id = Id::of(params.member("requestId")?)?;
        self.session.as_ref()?.calls.relay_of(&id)
    }
}

/// The upstream's answer under the client's id.
fn answered(id: &Id, passed: &Passed) -> Response<Body> {
    let text = |raw: &Bytes| String::from_utf8_lossy(raw).into_owned();
    let message = match &passed.answer {
        Some(Answered::Result(raw)) => reply::result(id, &text(raw)),
        Some(Answered::Error(raw)) => reply::raw_error(Some(id), &text(raw)),
        None if passed.status.is_some() => return empty(status(passed)),
        None => return empty(StatusCode::ACCEPTED),
    };
    json(status(passed), message)
}

fn status(passed: &Passed) -> StatusCode {
    passed.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK)
}

/// The client's offer, in a version that both this gateway and the upstream can have.
fn negotiable(params: &Object) -> Object {
    let asked = params.member("protocolVersion").and_then(Json::as_str);
    let known = SessionVersion::SUPPORTED.iter().any(|version| Some(version.version()) == asked);
    match known {
        true => params.clone(),
        false => params.clone().with("protocolVersion", SessionVersion::V2025_11_25.version()),
    }
}

fn negotiated(result: &[u8]) -> Option<SessionVersion> {
    let result = Json::parse(result).ok()?;
    let version = result.member("protocolVersion")?.as_str()?;
    SessionVersion::SUPPORTED.into_iter().find(|known| known.version() == version)
}
