//! The listener: accepts, routes, drains.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use parking_lot::Mutex;
use placet_domain::{AgentName, Code, ConnectorName, Digest, Refusal, limits};
use placet_engine::{
    Engine, Passage, PassageKind,
    ports::{Link, RelayFrame},
};
use placet_wire::{MCP_SESSION_ID, reply};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    body::{Body, whole},
    decisions::is_decision,
    grants::is_grants,
    guard::{Guard, GuardConfig},
    oauth::is_oauth,
    observe,
    post::Place,
    respond::{empty, problem, unauthenticated},
    session::{Late, Session, Sessions},
    stream::{self, Events, Gone},
};

/// What the operator decides about the listener.
pub struct GatewayConfig {
    /// The front door.
    pub guard: GuardConfig,
    /// Renders `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// How long open calls may take to end when the program stops.
    pub drain: Duration,
}

impl std::fmt::Debug for GatewayConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("GatewayConfig").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// The agent-facing listener.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) engine: Arc<Engine>,
    pub(crate) sessions: Sessions,
    pub(crate) guard: Guard,
    /// What was sent in under which key, to be asked about.
    pub(crate) petition_keys: Mutex<HashMap<(AgentName, String), Digest>>,
    config: GatewayConfig,
}

/// How long a client may take to send its headers.
const HEADER_DEADLINE: Duration = Duration::from_secs(10);
/// How long a silent upstream may take to refuse a stream before it counts as open.
const STREAM_OPENS: Duration = Duration::from_millis(500);

/// How often sessions are compared with the clock.
const LOOK_AT_SESSIONS: Duration = Duration::from_secs(10);
/// How often the calls of a session that is to end are looked at.
const LOOK_AT_CALLS: Duration = Duration::from_millis(100);
/// How long a stream that the upstream has ended stays open for an answer that is due.
const LATE: Duration = Duration::from_secs(5);

impl Gateway {
    /// A gateway for an engine, on this address.
    #[must_use]
    pub fn new(engine: Arc<Engine>, config: GatewayConfig, address: SocketAddr) -> Arc<Self> {
        let guard = Guard::new(config.guard.clone(), address.port());
        Arc::new(Self {
            engine,
            sessions: Sessions::default(),
            guard,
            petition_keys: Mutex::default(),
            config,
        })
    }

    /// Serves until `stop` ends, then lets open calls end.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let ending = tokio::spawn(self.clone().end_sessions());
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => {
                        let _ = socket.set_nodelay(true);
                        let gateway = self.clone();
                        let service = service_fn(move |request| {
                            let gateway = gateway.clone();
                            async move { Ok::<_, std::convert::Infallible>(gateway.answer(request).await) }
                        });
                        let connection = http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(HEADER_DEADLINE)
                            .pipeline_flush(true)
                            .serve_connection(TokioIo::new(socket), service);
                        tokio::spawn(graceful.watch(connection));
                    }
                    // Out of descriptors, most likely: others may end meanwhile.
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                () = &mut stop => break,
            }
        }
        drop(listener);
        ending.abort();
        if tokio::time::timeout(self.config.drain, graceful.shutdown()).await.is_err() {
            tracing::warn!(sessions = self.sessions.len(), "open streams were cut");
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        match path.strip_prefix("/mcp/").map(str::parse::<ConnectorName>) {
            Some(Ok(connector))
                if self.engine.has_connector(&connector) && !self.engine.is_application(&connector) =>
            {
                self.mcp(&connector, request).await
            }
            Some(_) => {
                let why = format!("{path:?} names no connector");
                problem(StatusCode::NOT_FOUND, &Refusal::new(Code::UnknownConnector, why))
            }
            None => match path {
                "/events" if self.engine.hears_events() => match *request.method() {
                    Method::POST => self.event(request).await,
                    _ => empty(StatusCode::METHOD_NOT_ALLOWED),
                },
                path if is_oauth(path) => self.oauth(request).await,
                path if is_grants(path) => self.grants(request).await,
                path if is_decision(path) => self.decide(request).await,
                "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
                "/readyz" => match self.engine.ready() {
                    Ok(()) => text(StatusCode::OK, "ready\n".to_owned()),
                    Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
                },
                "/metrics" => {
                    observe::counters(self.engine.counter_count());
                    text(StatusCode::OK, (self.config.metrics)())
                }
                _ => {
                    let why = format!("there is nothing at {path:?}");
                    problem(StatusCode::NOT_FOUND, &Refusal::new(Code::UnknownConnector, why))
                }
            },
        }
    }

    async fn mcp(self: &Arc<Self>, connector: &ConnectorName, request: Request<Incoming>) -> Response<Body> {
        if let Err(turned) = self.guard.admit(request.headers()) {
            return problem(turned.status, &turned.refusal);
        }
        let (parts, body) = request.into_parts();
        let credential = self.credential(&parts);
        let place = Place { connector, headers: &parts.headers, credential: &credential };
        let response = match parts.method {
            Method::POST => match self.guard.read(&parts.headers, body).await {
                Ok(body) => self.post(place, &body).await,
                Err(turned) => problem(turned.status, &turned.refusal),
            },
            Method::GET => self.listen(&place).await,
            Method::DELETE => self.close(&place).await,
            _ => empty(StatusCode::METHOD_NOT_ALLOWED),
        };
        self.challenged(connector, response)
    }

    /// A session's stream of its own.
    async fn listen(self: &Arc<Self>, place: &Place<'_>) -> Response<Body> {
        let caller = match self.engine.authenticate_at(place.credential, place.connector) {
            Ok(caller) => caller,
            Err(refusal) => return unauthenticated(None, &refusal, None),
        };
        let id = place.headers.get(&MCP_SESSION_ID).and_then(|value| value.to_str().ok());
        let Some(id) = id else { return empty(StatusCode::METHOD_NOT_ALLOWED) };
        let Some(session) = self.sessions.of(id, &caller, place.connector) else {
            let why = "the session has ended or is not this instance's";
            return problem(StatusCode::NOT_FOUND, &Refusal::new(Code::UnknownSession, why));
        };
        let last = place.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let passage = Passage {
            connector: place.connector.clone(),
            kind: PassageKind::Listen(last.map(str::to_owned)),
        };
        let (relay, mut frames) = mpsc::channel::<RelayFrame>(limits::RELAY_FRAMES);
        let (gateway, listener) = (self.clone(), caller.clone());
        let link = Link::Session(session.upstream);
        let mut task =
            tokio::spawn(async move { gateway.engine.pass(&listener, passage, link, relay).await });
        let first = tokio::select! {
            biased;
            frame = frames.recv() => frame,
            passed = &mut task => match passed {
                Ok(Ok(passed)) if passed.status.is_some_and(|status| status >= 400) => {
                    return empty(StatusCode::METHOD_NOT_ALLOWED);
                }
                Ok(Err(refusal)) => return problem(StatusCode::NOT_FOUND, &refusal),
                _ => None,
            },
            () = tokio::time::sleep(STREAM_OPENS) => None,
        };
        let resumes = last.is_some();
        let (events, response) = stream::open();
        let gateway = self.clone();
        tokio::spawn(async move {
            let last_word = events.last_word();
            let cut = async {
                let refusal = gateway.engine.ended(&caller, &session.connector, None).await;
                last_word.say(&reply::refusal_of_method(None, &refusal, None)).await;
            };
            let heard = async {
                if let Some(first) = first
                    && events.frame(&first).await.is_err()
                {
                    return;
                }
                // A client that goes away is no failure; what it misses is in the receipts.
                let late = resumes.then_some(&session.late);
                let _ = listen(&events, &mut frames, late).await;
            };
            tokio::select! { biased; () = cut => {}, () = heard => {} }
        });
        response
    }

    async fn close(&self, place: &Place<'_>) -> Response<Body> {
        let caller = match self.engine.authenticate_at(place.credential, place.connector) {
            Ok(caller) => caller,
            Err(refusal) => return unauthenticated(None, &refusal, None),
        };
        let id = place.headers.get(&MCP_SESSION_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match self.sessions.of(id, &caller, place.connector) {
            Some(session) => {
                self.sessions.close(id);
                self.engine.ports().connectors.close(place.connector, session.upstream).await;
                empty(StatusCode::OK)
            }
            None => empty(StatusCode::NOT_FOUND),
        }
    }
}

impl Gateway {
    /// Ends the sessions whose instance or connector was stopped, revoked or has expired: here at once, at the upstream
    /// as soon as the calls in them have ended, so that their outcomes are known.
    async fn end_sessions(self: Arc<Self>) {
        let mut endings = self.engine.endings();
        loop {
            endings.borrow_and_update();
            let stands =
                |session: &Session| self.engine.stands(session.instance, &session.connector, None).is_ok();
            for session in self.sessions.take_fallen(stands) {
                tokio::spawn(self.clone().end(session));
            }
            // A timeout is a look at the clock.
            let _woken = tokio::time::timeout(LOOK_AT_SESSIONS, endings.changed()).await;
        }
    }

    async fn end(self: Arc<Self>, session: Arc<Session>) {
        let over = async {
            while !session.calls.are_over() {
                tokio::time::sleep(LOOK_AT_CALLS).await;
            }
        };
        // A tool that never answers is not waited for longer than any call is.
        let _patience = tokio::time::timeout(limits::TOOL_DEADLINE, over).await;
        self.engine.ports().connectors.close(&session.connector, session.upstream).await;
    }
}

/// Sends what comes on a session's own stream, until it ends and no answer is due, or the client goes away. Late
/// answers leave only on a stream that resumes another.
async fn listen(
    events: &Events,
    frames: &mut mpsc::Receiver<RelayFrame>,
    late: Option<&Late>,
) -> Result<(), Gone> {
    let answer = async || match late {
        Some(late) => late.next().await,
        None => std::future::pending().await,
    };
    let mut is_open = true;
    while is_open || late.is_some_and(Late::is_due) {
        tokio::select! {
            frame = frames.recv(), if is_open => match frame {
                Some(frame) => events.frame(&frame).await?,
                None => is_open = false,
            },
            (answer, event_id) = answer() => events.answer(&answer, event_id).await?,
            gone = events.idle() => return Err(gone),
            () = tokio::time::sleep(LATE), if !is_open => return Ok(()),
        }
    }
    Ok(())
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(whole(text));
    *response.status_mut() = status;
    response
}
