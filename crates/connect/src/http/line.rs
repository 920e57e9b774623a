//! One connection to an upstream, driven by the call that uses it: no task stands between them, so that an answer
//! wakes exactly the call that waits for it. Knows nothing of MCP.

use std::{
    error::Error,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1::{Builder, Connection, SendRequest},
};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How much may come after an answer for the connection to be used again, bytes.
const REST_BYTES: usize = 64 * 1024;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// An open connection: at most one exchange at a time.
#[derive(Debug)]
pub(crate) struct Line {
    requests: SendRequest<Full<Bytes>>,
    wire: Wire,
    /// What the last answer left unread: the end of its stream, as a rule.
    rest: Option<Incoming>,
}

/// The reading and writing side. It is not polled again once it has ended.
#[derive(Debug)]
struct Wire {
    connection: Connection<Stream, Full<Bytes>>,
    has_ended: bool,
}

impl Wire {
    /// Reads and writes what can be. How it ended shows in the answer.
    fn drive(&mut self, context: &mut Context<'_>) {
        self.has_ended = self.has_ended || Pin::new(&mut self.connection).poll(context).is_ready();
    }
}

/// Why a request was not answered.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing of it was written: the request, to be sent elsewhere.
    Unwritten(Box<Request<Full<Bytes>>>),
    /// It may have left.
    Lost(hyper::Error),
}

impl Line {
    /// Speaks HTTP/1.1 on a fresh stream.
    pub(crate) async fn open(stream: Stream) -> Result<Self, hyper::Error> {
        let (requests, connection) = Builder::new().handshake(stream).await?;
        Ok(Self { requests, wire: Wire { connection, has_ended: false }, rest: None })
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
        let mut answer = pin!(self.requests.try_send_request(request));
        let wire = &mut self.wire;
        let answered = poll_fn(|context| {
            if let Poll::Ready(answered) = answer.as_mut().poll(context) {
                return Poll::Ready(answered);
            }
            wire.drive(context);
            answer.as_mut().poll(context)
        });
        answered.await.map_err(|mut error| match error.take_message() {
            Some(request) => Fault::Unwritten(Box::new(request)),
            None => Fault::Lost(error.into_error()),
        })
    }

    /// The next piece of an answer; `None` at its end.
    pub(crate) async fn read(&mut self, body: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
        poll_fn(|context| self.poll_read(body, context)).await
    }

    fn poll_read(
        &mut self,
        body: &mut Incoming,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        let mut is_driven = false;
        loop {
            match Pin::new(&mut *body).poll_frame(context) {
                // Trailers say nothing to MCP.
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(_) => continue,
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending if is_driven => return Poll::Pending,
                Poll::Pending => {
                    is_driven = true;
                    self.wire.drive(context);
                }
            }
        }
    }

    /// Leaves the end of an answer for later: whoever waits has what they wanted.
    pub(crate) fn leave(&mut self, body: Incoming) {
        self.rest = (!body.is_end_stream()).then_some(body);
    }

    /// Whether another request can be sent: the last answer has ended and the upstream has not hung up.
    pub(crate) async fn readiness(&mut self) -> Readiness {
        let mut read = 0;
        poll_fn(|context| {
            while let Some(mut body) = self.rest.take() {
                match self.poll_read(&mut body, context) {
                    Poll::Pending => {
                        self.rest = Some(body);
                        return Poll::Ready(Readiness::Pending);
                    }
                    Poll::Ready(Some(Ok(data))) => {
                        read += data.len();
                        if read > REST_BYTES {
                            return Poll::Ready(Readiness::Closed);
                        }
                        self.rest = Some(body);
                    }
                    Poll::Ready(Some(Err(_))) => return Poll::Ready(Readiness::Closed),
                    Poll::Ready(None) => {}
                }
            }
            self.wire.drive(context);
            if self.wire.has_ended {
                return Poll::Ready(Readiness::Closed);
            }
            Poll::Ready(match self.requests.poll_ready(context) {
                Poll::Ready(Ok(())) => Readiness::Ready,
                Poll::Ready(Err(_)) => Readiness::Closed,
                Poll::Pending => Readiness::Pending,
            })
        })
        .await
    }
}

/// Whether a connection can take another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It can.
    Ready,
    /// Not yet: its last answer has not ended.
    Pending,
    /// It never will.
    Closed,
}

/// An error with its causes.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
