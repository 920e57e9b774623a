//! A call: handed to the engine, its frames and its answer handed to the client.

use std::{sync::Arc, time::Duration};

use http::Response;
use placet_domain::{Code, ConnectorName, Operation, Refusal, limits};
use placet_engine::{
    Attempt, Caller, Reply,
    ports::{Relay, RelayFrame},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::Instrument as _;

use crate::{
    body::Body,
    observe,
    respond::{Answering, is_about_identity, json, unauthenticated},
    server::Gateway,
    session::Session,
    stream::{self, Events},
    underway::Underway,
};

/// How long a call that has only named an event may take before its client gets a stream.
const SPEAKS_SOON: Duration = Duration::from_millis(100);
/// How long a call runs before it is worth watching for the end of whoever makes it.
const SHORT_CALL: Duration = Duration::from_millis(200);

impl Gateway {
    /// Lets the engine handle an attempt and answers the client: with one JSON message if the tool says nothing
    /// before its answer, with a stream otherwise.
    pub(crate) async fn act(
        self: &Arc<Self>,
        caller: &Caller,
        attempt: Attempt,
        answering: Answering,
        session: Option<Arc<Session>>,
    ) -> Response<Body> {
        let (relay, mut frames) = mpsc::channel(limits::RELAY_FRAMES);
        if let Some(session) = &session {
            session.calls.begin(&answering.id, &relay);
        }
        let connector = attempt.connector.clone();
        let mut call = Underway::new(handle(self.clone(), attempt, relay));
        let ended =
            end_of_caller(self.clone(), caller.clone(), connector.clone(), answering.operation.clone());
        tokio::pin!(ended);
        // An event with an id and nothing else only matters to a client that waits long: most answers come right
        // after it, and one message is cheaper than a stream.
        let (mut said, mut speaks) = (Vec::new(), true);
        let spoken = tokio::time::sleep(SPEAKS_SOON);
        tokio::pin!(spoken);
        loop {
            tokio::select! {
                biased;
                frame = frames.recv(), if speaks => match frame {
                    Some(frame) => {
                        let matters = !frame.data.is_empty() || frame.is_parting;
                        said.push(frame);
                        if matters {
                            break;
                        }
                    }
                    // The tool has answered, and the outcome is being recorded.
                    None => speaks = false,
                },
                reply = &mut call => return whole(&answering, &reply),
                // The call goes on without whoever made it: its outcome belongs on record.
                refusal = &mut ended => {
                    return whole(&answering, &Reply::Refused { refusal, receipts: None });
                }
                () = &mut spoken, if !said.is_empty() => break,
            }
        }
        let (events, response) = stream::open();
        // From here on a client that reads slowly must not slow the call.
        let (gateway, caller) = (self.clone(), caller.clone());
        let call = tokio::spawn(call);
        tokio::spawn(async move {
            let last_word = events.last_word();
            let cut = async {
                let refusal = gateway.engine.ended(&caller, &connector, Some(&answering.operation)).await;
                last_word.say(&answering.message(&Reply::Refused { refusal, receipts: None })).await;
            };
            tokio::select! {
                biased;
                () = cut => {}
                () = relay_call(events, said, frames, call, &answering, session) => {}
            }
        });
        response
    }

    /// Leaves the receipt of an attempt that cannot be read or whose sender is refused.
    pub(crate) async fn refuse(self: &Arc<Self>, attempt: Attempt) -> Reply {
        let (relay, _) = mpsc::channel(1);
        Underway::new(handle(self.clone(), attempt, relay)).await
    }
}

/// Returns when whoever makes a call may act no longer. Most calls are over before anybody needs to look.
async fn end_of_caller(
    gateway: Arc<Gateway>,
    caller: Caller,
    connector: ConnectorName,
    operation: Operation,
) -> Refusal {
    tokio::time::sleep(SHORT_CALL).await;
    gateway.engine.ended(&caller, &connector, Some(&operation)).await
}

async fn handle(gateway: Arc<Gateway>, attempt: Attempt, relay: Relay) -> Reply {
    let connector = attempt.connector.clone();
    let clock = &gateway.engine.ports().clock;
    let started = clock.now();
    let span = observe::call(&attempt);
    let reply = gateway.engine.clone().handle(attempt, relay).instrument(span).await;
    observe::finished(&connector, &reply, clock.now().since(started));
    reply
}

fn whole(answering: &Answering, reply: &Reply) -> Response<Body> {
    match reply {
        Reply::Refused { refusal, receipts } if is_about_identity(refusal.code) => {
            unauthenticated(Some(&answering.id), refusal, receipts.as_ref())
        }
        reply => json(answering.status(reply), answering.message(reply)),
    }
}

/// Streams a call: its frames, then its answer. Ends early when the client goes away, which the connector notices
/// by the closed relay, and when the upstream ends its stream to be asked again later.
async fn relay_call(
    events: Events,
    said: Vec<RelayFrame>,
    mut frames: mpsc::Receiver<RelayFrame>,
    mut call: JoinHandle<Reply>,
    answering: &Answering,
    session: Option<Arc<Session>>,
) {
    let mut said = said.into_iter();
    let mut speaks = true;
    let reply = loop {
        let next = async {
            match said.next() {
                Some(frame) => Some(frame),
                None => frames.recv().await,
            }
        };
        tokio::select! {
            biased;
            frame = next, if speaks => match (frame, &session) {
                (Some(frame), Some(session)) if frame.is_parting => {
                    drop(events);
                    session.late.expect();
                    let reply = ended(call.await);
                    session.late.arrive((answering.message(&reply), event_id(&reply)));
                    return;
                }
                (Some(frame), _) if frame.is_parting => {}
                (Some(frame), _) => {
                    if events.frame(&answering.frame(frame)).await.is_err() {
                        return;
                    }
                }
                (None, _) => speaks = false,
            },
            reply = &mut call => break ended(reply),
            _gone = events.idle() => return,
        }
    };
    // The client may have gone in this instant: the receipts say what happened.
    let _ = events.answer(&answering.message(&reply), event_id(&reply)).await;
}

fn event_id(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Answered { event_id, .. } => event_id.clone(),
        Reply::Refused { .. } => None,
    }
}

fn ended(reply: Result<Reply, tokio::task::JoinError>) -> Reply {
    reply.unwrap_or_else(|error| {
        tracing::error!(%error, "a call ended without a reply");
        let refusal = Refusal::new(Code::OutcomeUnknown, "the gateway failed while handling the call");
        Reply::Refused { refusal, receipts: None }
    })
}
