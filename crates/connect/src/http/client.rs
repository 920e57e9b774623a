//! The HTTP client of one connector: connections kept for the next call, HTTP/1.1, TLS by rustls with the roots of
//! the web PKI. No redirects, no proxies from the environment, no cookies, no compression.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use parking_lot::Mutex;
use tower_service::Service as _;

use super::line::{Fault, Line, Readiness, causes};
use crate::ending::Ending;

/// How long connecting (TLS excluded) may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept. Common servers drop theirs after five seconds, and a request written
/// to a connection that is being dropped has an unknown outcome.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept.
const IDLE_CONNECTIONS: usize = 512;

/// The client of one connector. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Client(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    connector: HttpsConnector<HttpConnector>,
    upstream: Uri,
    host: HeaderValue,
    target: Uri,
    /// The last one back is used first: its buffers are warm, and the others may run out.
    idle: Mutex<VecDeque<Idle>>,
    is_swept: AtomicBool,
}

#[derive(Debug)]
struct Idle {
    line: Box<Line>,
    since: Instant,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("the address cannot be used")]
    Address,
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl Client {
    /// A client for one URL. Connects to nothing yet.
    pub(crate) fn new(upstream: &Uri) -> Result<Self, ClientError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let authority = upstream.authority().ok_or(ClientError::Address)?;
        let path = upstream.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self(Arc::new(Pool {
            connector,
            upstream: upstream.clone(),
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| ClientError::Address)?,
            target: Uri::from(path),
            idle: Mutex::default(),
            is_swept: AtomicBool::new(false),
        })))
    }

    /// Sends a request, once, and waits for the head of its answer.
    ///
    /// INVARIANT: a request is written at most once. It is sent on another connection only when the first one hands it
    /// back unwritten, which is how a connection that the upstream has just closed is noticed.
    pub(crate) async fn send(
        &self,
        method: Method,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Ending> {
        headers.insert(header::HOST, self.0.host.clone());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.0.target.clone();
        *request.headers_mut() = headers;
        while let Some(line) = self.idle().await {
            match self.ask(line, request).await {
                Ok(answer) => return Ok(answer),
                Err(Fault::Unwritten(unwritten)) => request = *unwritten,
                Err(Fault::Lost(error)) => return Err(lost(&error)),
            }
        }
        let line = self.connect().await?;
        self.ask(line, request).await.map_err(|fault| match fault {
            Fault::Unwritten(_) => Ending::NotSent("the upstream hung up before the request".to_owned()),
            Fault::Lost(error) => lost(&error),
        })
    }

    async fn ask(&self, mut line: Box<Line>, request: Request<Full<Bytes>>) -> Result<Answer, Fault> {
        let (parts, body) = line.send(request).await?.into_parts();
        Ok(Answer { status: parts.status, headers: parts.headers, body, line, pool: self.0.clone() })
    }

    /// A kept connection that can take a request now.
    async fn idle(&self) -> Option<Box<Line>> {
        let mut tries = self.0.idle.lock().len();
        while tries > 0 {
            let Idle { mut line, since } = self.0.idle.lock().pop_back()?;
            tries -= 1;
            if since.elapsed() >= IDLE {
                continue;
            }
            match line.readiness().await {
                Readiness::Ready => return Some(line),
                Readiness::Pending => self.0.idle.lock().push_front(Idle { line, since }),
                Readiness::Closed => {}
            }
        }
        None
    }

    async fn connect(&self) -> Result<Box<Line>, Ending> {
        let unreachable = |why: String| Ending::NotSent(format!("cannot connect{why}"));
        let mut connector = self.0.connector.clone();
        let connecting = async {
            std::future::poll_fn(|context| connector.poll_ready(context)).await?;
            connector.call(self.0.upstream.clone()).await
        };
        let stream =
            connecting.await.map_err(|error| unreachable(format!(": {error}{}", causes(&*error))))?;
        let line = Line::open(stream).await.map_err(|error| unreachable(causes(&error)))?;
        Ok(Box::new(line))
    }
}

impl Pool {
    fn keep(self: &Arc<Self>, kept: Idle) {
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_CONNECTIONS {
            idle.push_back(kept);
        }
        if !self.is_swept.swap(true, Ordering::Relaxed) {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Closes what nobody uses, so that a quiet gateway holds no dead connections.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(IDLE).await;
            let mut idle = self.idle.lock();
            idle.retain(|idle| idle.since.elapsed() < IDLE);
            if idle.is_empty() {
                // Under the lock: whoever keeps a connection next starts the next sweep.
                self.is_swept.store(false, Ordering::Relaxed);
                return;
            }
        }
    }
}

/// The head of an answer, and the connection its body comes on.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    line: Box<Line>,
    pool: Arc<Pool>,
}

impl Answer {
    /// The next piece of the body; `None` at its end.
    pub(crate) async fn read(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        self.line.read(&mut self.body).await
    }

    /// Gives the connection to the next call, once the answer was found. Without this it is closed.
    pub(crate) fn finish(self) {
        let Self { body, mut line, pool, .. } = self;
        line.leave(body);
        pool.keep(Idle { line, since: Instant::now() });
    }
}

fn lost(error: &hyper::Error) -> Ending {
    Ending::Lost(format!("the connection failed: {error}{}", causes(error)))
}
