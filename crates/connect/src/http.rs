//! MCP over streamable HTTP, both eras. Upstream headers are built from an empty list: nothing an agent sent
//! as a header can leave. The rule is written in the MCP specification, "Transports", "Streamable HTTP".

mod client;
mod exchange;
mod line;
mod session;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use parking_lot::RwLock;
use placet_domain::{Object, ToolDefinition, ToolName};
use placet_engine::ports::{Answered, ConnectError, Link, Passed, Relay, RelayFrame, UpstreamSession};
use placet_wire::{MCP_SESSION_ID, encode_notification, encode_request};
use secrecy::ExposeSecret as _;

use crate::{
    config::{ConfigError, ConnectorConfig},
    connector::Ask,
    ending::{Ending, Reply},
    frame,
    oauth::{Account, Challenge, Safe, is_near},
    outlet::Outlet,
    sessions::{Handles, Sessions},
};
use client::{Answer, Client, ClientError};
use exchange::{Exchange, Read, read_acceptance};
pub(crate) use line::causes;
use session::Session;

/// How long a message may take that nobody waits for: a cancellation, the end of a session.
const COURTESY: Duration = Duration::from_secs(2);

/// One upstream reached by HTTP.
#[derive(Debug)]
pub(crate) struct Http {
    url: Uri,
    client: Client,
    /// Content type, accepted types and credentials.
    headers: HeaderMap,
    /// Whose tokens go with every request, if the upstream wants some.
    account: Option<Arc<Account>>,
    deadline: Duration,
    ids: AtomicI64,
    sessions: Sessions<Session>,
    /// The tools as last listed: their schemas say which arguments are mirrored into headers.
    tools: RwLock<HashMap<ToolName, Arc<ToolDefinition>>>,
}

impl Http {
    pub(crate) fn new(
        config: &ConnectorConfig,
        url: &Uri,
        handles: Handles,
        safe: Option<&Safe>,
    ) -> Result<Self, ConfigError> {
        let url_error = |rule| ConfigError::Url { connector: config.name.clone(), rule };
        match url.scheme_str() {
            Some("http" | "https") => {}
            _ => return Err(url_error("must begin with `http://` or `https://`")),
        }
        let authority = url.authority().ok_or_else(|| url_error("must name a host"))?;
        if authority.host().is_empty() {
            return Err(url_error("must name a host"));
        }
        if authority.as_str().contains('@') {
            return Err(url_error("must not hold a user name; send credentials in a header"));
        }
        Ok(Self {
            url: url.clone(),
            client: Client::new(url).map_err(|error| match error {
                ClientError::Address => url_error("must name a host"),
                ClientError::Tls(error) => ConfigError::Tls(error),
            })?,
            headers: headers(config)?,
            account: account(config, url, safe)?,
            deadline: config.deadline,
            ids: AtomicI64::new(1),
            sessions: Sessions::new(handles),
            tools: RwLock::default(),
        })
    }

    /// Sends one request and reads its answer.
    pub(crate) async fn ask(&self, ask: Ask<'_>, outlet: Outlet) -> Ending {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        match ask.link {
            Link::Stateless => self.ask_alone(ask, id, outlet).await,
            Link::Session(handle) => {
                let Some(session) = self.sessions.find(*handle) else {
                    return Ending::NoSession { sent: false };
                };
                let ending = self.ask_in_session(ask, id, &session, outlet).await;
                if matches!(ending, Ending::NoSession { .. }) {
                    self.sessions.forget(*handle);
                }
                ending
            }
        }
    }

    /// Closing the stream is how a stateless request is cancelled: by the client's going away, or at the deadline.
    async fn ask_alone(&self, ask: Ask<'_>, id: i64, outlet: Outlet) -> Ending {
        let mut headers = self.headers.clone();
        let tool = ask.tool.and_then(|tool| self.tools.read().get(tool).cloned());
        frame::mirror(&ask, tool.as_deref(), &mut headers);
        let body = encode_request(&id.into(), ask.method, ask.params).into_bytes();
        let exchange = Exchange { id: Some(id), outlet: &outlet, pending: None };
        let answer = async {
            match self.post(headers, body).await {
                Ok(response) => match exchange.read(response).await {
                    Read::Ended(ending) => ending,
                    Read::Resumable => Ending::Lost("the stream ended before the answer".to_owned()),
                },
                Err(ending) => ending,
            }
        };
        tokio::select! {
            biased;
            ending = within(ask.deadline, answer) => ending.unwrap_or_else(|| late(ask.deadline)),
            () = outlet.closed() => Ending::Lost("the client went away before the answer".to_owned()),
        }
    }

    /// A client that goes away cancels nothing here: it may come back and resume.
    async fn ask_in_session(&self, ask: Ask<'_>, id: i64, session: &Session, outlet: Outlet) -> Ending {
        let mut headers = self.headers.clone();
        session.mark(&mut headers);
        let body = encode_request(&id.into(), ask.method, ask.params).into_bytes();
        let mut waiting = session.pending.register(id, &outlet, None);
        let answer = async {
            let exchange = Exchange { id: Some(id), outlet: &outlet, pending: Some(&session.pending) };
            let own = async {
                match self.post(headers, body).await {
                    Ok(response) => exchange.read(response).await,
                    Err(ending) => Read::Ended(ending),
                }
            };
            let read = tokio::select! {
                biased;
                read = own => read,
                reply = waiting.reply() => return ending_of(reply),
            };
            match read {
                Read::Ended(ending) => ending,
                Read::Resumable => {
                    // The client sees that the stream has ended, and may resume it by listening.
                    outlet.send(RelayFrame::parting()).await;
                    drop(outlet);
                    ending_of(waiting.reply().await)
                }
            }
        };
        match within(ask.deadline, answer).await {
            Some(ending) => ending,
            None => {
                self.cancel(session, id);
                late(ask.deadline)
            }
        }
    }

    /// Opens a session by `initialize`.
    pub(crate) async fn open(&self, params: &Object, outlet: Outlet) -> Result<Passed, ConnectError> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let body = encode_request(&id.into(), "initialize", params).into_bytes();
        let opening = async {
            let response = self.post(self.headers.clone(), body).await?;
            let session = response.headers.get(&MCP_SESSION_ID).cloned();
            match (Exchange { id: Some(id), outlet: &outlet, pending: None }).read(response).await {
                Read::Ended(ending) => Ok((ending, session)),
                Read::Resumable => Err(Ending::Lost("the stream ended before the answer".to_owned())),
            }
        };
        let (ending, session) = match within(Some(self.deadline), opening).await {
            Some(Ok(opened)) => opened,
            Some(Err(ending)) => return ending.passed(),
            None => return late(Some(self.deadline)).passed(),
        };
        let mut passed = ending.passed()?;
        if let Some(Answered::Result(result)) = &passed.answer {
            let version = frame::negotiated(result).map_err(ConnectError::Protocol)?;
            passed.session = Some(self.sessions.open(Session::new(session, version)));
        }
        Ok(passed)
    }

    /// Sends a notification. A cancellation is sent under our id of the call it means, which the relay names;
    /// one that means no call of ours is dropped.
    pub(crate) async fn notify(
        &self,
        method: &str,
        params: &Object,
        link: &Link,
        relay: Option<&Relay>,
    ) -> Result<(), Ending> {
        if method != frame::CANCELLED {
            return self.tell(encode_notification(method, params).into(), link).await;
        }
        let Link::Session(handle) = link else { return Ok(()) };
        let session = self.sessions.find(*handle).ok_or(Ending::NoSession { sent: false })?;
        match relay.and_then(|relay| session.pending.id_of(relay)) {
            Some(id) => self.tell(frame::cancelled(id, params).into(), link).await,
            None => Ok(()),
        }
    }

    /// Sends a message that has no answer.
    pub(crate) async fn tell(&self, body: Bytes, link: &Link) -> Result<(), Ending> {
        let Link::Session(handle) = link else {
            return Err(Ending::Malformed("a stateless client sends requests alone".to_owned()));
        };
        let session = self.sessions.find(*handle).ok_or(Ending::NoSession { sent: false })?;
        let mut headers = self.headers.clone();
        session.mark(&mut headers);
        let told = async { read_acceptance(self.post(headers, body).await?, true) };
        let told = within(Some(self.deadline), told).await.unwrap_or_else(|| Err(late(Some(self.deadline))));
        if matches!(told, Err(Ending::NoSession { .. })) {
            self.sessions.forget(*handle);
        }
        told
    }

    /// Listens to a session's stream until it ends or the client goes away. Answers on it reach the calls that wait.
    pub(crate) async fn listen(
        &self,
        after: Option<&str>,
        link: &Link,
        outlet: &Outlet,
    ) -> Result<(), Ending> {
        let Link::Session(handle) = link else { return Err(Ending::Status(405)) };
        let session = self.sessions.find(*handle).ok_or(Ending::NoSession { sent: false })?;
        let mut headers = self.headers.clone();
        headers.remove(header::CONTENT_TYPE);
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        session.mark(&mut headers);
        if let Some(after) = after {
            let after = HeaderValue::from_str(after).map_err(|_| {
                Ending::NotSent("`Last-Event-ID` holds a character that no header may hold".to_owned())
            })?;
            headers.insert(LAST_EVENT_ID, after);
        }
        let response = tokio::select! {
            biased;
            () = outlet.closed() => return Ok(()),
            response = within(Some(self.deadline), self.send(Method::GET, headers, Bytes::new())) => {
                response.ok_or_else(|| late(Some(self.deadline)))??
            }
        };
        match response.status {
            status if status.is_success() => {
                let exchange = Exchange { id: None, outlet, pending: Some(&session.pending) };
                exchange.listen(response).await
            }
            _ => {
                let refused = read_acceptance(response, true);
                if matches!(refused, Err(Ending::NoSession { .. })) {
                    self.sessions.forget(*handle);
                }
                refused
            }
        }
    }

    /// Ends a session here and, as far as it hears us, at the upstream.
    pub(crate) async fn close(&self, handle: UpstreamSession) {
        if let Some(session) = self.sessions.forget(handle) {
            self.end(&session).await;
        }
    }

    /// Ends every session.
    pub(crate) async fn shutdown(&self) {
        let sessions = self.sessions.forget_all();
        futures_util::future::join_all(sessions.iter().map(|session| self.end(session))).await;
    }

    /// Takes note of the tools as they are today.
    pub(crate) fn learn(&self, tools: &[ToolDefinition]) {
        let tools = tools.iter().map(|tool| (tool.name.clone(), Arc::new(tool.clone()))).collect();
        *self.tools.write() = tools;
    }

    async fn end(&self, session: &Session) {
        session.pending.abandon_all();
        let mut headers = self.headers.clone();
        headers.remove(header::CONTENT_TYPE);
        session.mark(&mut headers);
        let ended = tokio::time::timeout(COURTESY, self.send(Method::DELETE, headers, Bytes::new())).await;
        if !matches!(ended, Ok(Ok(_))) {
            tracing::debug!(url = %self.url, "the upstream did not hear that a session has ended");
        }
    }

    /// Tells the upstream that nobody waits any more. Nothing depends on its arrival.
    fn cancel(&self, session: &Session, id: i64) {
        let mut headers = self.headers.clone();
        session.mark(&mut headers);
        let reason = Object::new().with("reason", "the deadline has passed");
        let (client, account) = (self.client.clone(), self.account.clone());
        let body = frame::cancelled(id, &reason).into();
        tokio::spawn(async move {
            let sending = send(&client, account.as_ref(), Method::POST, headers, body);
            if let Ok(Ok(response)) = tokio::time::timeout(COURTESY, sending).await {
                let _accepted = read_acceptance(response, true);
            }
        });
    }

    /// The sign-in, if the upstream wants one.
    pub(crate) fn account(&self) -> Option<&Account> {
        self.account.as_deref()
    }

    /// What the upstream says to somebody without a token. Asked with a request that has no effect.
    pub(crate) async fn challenge(&self) -> Result<Challenge, ConnectError> {
        let body = encode_request(&0.into(), "server/discover", &Object::new()).into_bytes();
        let asking = self.client.send(Method::POST, self.headers.clone(), body);
        let asked = tokio::time::timeout(self.deadline, asking).await;
        let answer = match asked.unwrap_or_else(|_| Err(late(Some(self.deadline)))) {
            Ok(answer) => answer,
            Err(ending) => return ending.passed().map(|_| Challenge::default()),
        };
        Ok(match answer.status {
            StatusCode::UNAUTHORIZED => Challenge::of(&answer.headers),
            _ => Challenge::default(),
        })
    }

    async fn post(&self, headers: HeaderMap, body: Bytes) -> Result<Answer, Ending> {
        self.send(Method::POST, headers, body).await
    }

    async fn send(&self, method: Method, headers: HeaderMap, body: Bytes) -> Result<Answer, Ending> {
        send(&self.client, self.account.as_ref(), method, headers, body).await
    }
}

/// Sends a request with the token of this upstream, if it wants one. Once, whatever is answered.
async fn send(
    client: &Client,
    account: Option<&Arc<Account>>,
    method: Method,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Ending> {
    let Some(account) = account else { return client.send(method, headers, body).await };
    let used = account.authorize(&mut headers).await?;
    let answer = client.send(method, headers, body).await?;
    match account.challenged(&used, answer.status, &answer.headers).await {
        None => Ok(answer),
        Some(refused) => Err(refused),
    }
}

/// The sign-in of a connector whose upstream wants one. What would leave without TLS would be anybody's.
fn account(
    config: &ConnectorConfig,
    url: &Uri,
    safe: Option<&Safe>,
) -> Result<Option<Arc<Account>>, ConfigError> {
    let Some(oauth) = &config.oauth else { return Ok(None) };
    let wrong = |rule| ConfigError::Oauth { connector: config.name.clone(), rule };
    let safe = safe.ok_or_else(|| wrong("there is nowhere to keep its sign-in"))?;
    if config.headers.iter().any(|(name, _)| *name == header::AUTHORIZATION) {
        return Err(wrong("`oauth` sets `Authorization`; take it out of `headers`"));
    }
    if url.scheme_str() != Some("https") && !url.host().is_some_and(is_near) {
        return Err(wrong("with `oauth` the URL begins with `https://`, except on this machine"));
    }
    let account = Account::new(config.name.clone(), url.clone(), oauth.clone(), safe.clone());
    account.map(|account| Some(Arc::new(account))).map_err(ConfigError::Tls)
}

/// Not in the `http` crate's list.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

fn headers(config: &ConnectorConfig) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    for (name, secret) in &config.headers {
        if is_protocol(name) {
            return Err(ConfigError::Header { connector: config.name.clone(), header: name.clone() });
        }
        let mut value = HeaderValue::from_str(secret.expose_secret())
            .map_err(|_| ConfigError::HeaderValue { connector: config.name.clone(), header: name.clone() })?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// Headers that HTTP or MCP sets: a credential there would change what is asked, or how it is framed.
fn is_protocol(name: &HeaderName) -> bool {
    let framing = [
        header::ACCEPT,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::EXPECT,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        LAST_EVENT_ID,
    ];
    framing.contains(name) || name.as_str().starts_with("mcp-")
}

async fn within<T>(deadline: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

fn late(deadline: Option<Duration>) -> Ending {
    Ending::Lost(match deadline {
        Some(deadline) => format!("no answer within {} ms", deadline.as_millis()),
        None => "no answer".to_owned(),
    })
}

fn ending_of(reply: Option<Reply>) -> Ending {
    reply
        .map_or_else(|| Ending::Lost("the session was closed before the answer".to_owned()), Ending::Answered)
}
