//! A call: handed to the engine, its frames and its answer handed to the client.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use placet_domain::{Code, Refusal, limits};
use placet_engine::{
    Attempt, Reply,
    ports::{Relay, RelayFrame},
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    body::Body,
    observe,
    respond::{Answering, is_about_identity, json, unauthenticated},
    server::Gateway,
    session::Session,
    stream::{self, Events},
};

impl Gateway {
    /// Lets the engine handle an attempt and answers the client: with one JSON message if the tool says nothing
    /// before its answer, with a stream otherwise.
    pub(crate) async fn act(
        self: &Arc<Self>,
        attempt: Attempt,
        answering: Answering,
        session: Option<Arc<Session>>,
    ) -> Response<Body> {
        let (relay, mut frames) = mpsc::channel(limits::RELAY_FRAMES);
        if let Some(session) = session {
            session.calls.begin(&answering.id, &relay);
        }
        // A task of its own: a client that hangs up must not leave a call without its outcome receipt.
        let mut task = tokio::spawn(handle(self.clone(), attempt, relay));
        tokio::select! {
            biased;
            Some(first) = frames.recv() => {
                let (events, response) = stream::open();
                tokio::spawn(relay_call(events, first, frames, task, answering));
                response
            }
            reply = &mut task => whole(&answering, &ended(reply)),
        }
    }

    /// Leaves the receipt of an attempt that cannot be read or whose sender is refused.
    pub(crate) async fn refuse(self: &Arc<Self>, attempt: Attempt) -> Reply {
        let (relay, _) = mpsc::channel(1);
        ended(tokio::spawn(handle(self.clone(), attempt, relay)).await)
    }
}

async fn handle(gateway: Arc<Gateway>, attempt: Attempt, relay: Relay) -> Reply {
    let connector = attempt.connector.clone();
    let clock = &gateway.engine.ports().clock;
    let started = clock.now();
    let reply = gateway.engine.clone().handle(attempt, relay).await;
    observe::finished(&connector, &reply, clock.now().since(started));
    reply
}

fn whole(answering: &Answering, reply: &Reply) -> Response<Body> {
    match reply {
        Reply::Refused { refusal, receipts } if is_about_identity(refusal.code) => {
            unauthenticated(Some(&answering.id), refusal, receipts.as_ref())
        }
        reply => json(StatusCode::OK, answering.message(reply)),
    }
}

/// Streams a call: its frames, then its answer. Ends early when the client goes away, which the connector notices
/// by the closed relay.
async fn relay_call(
    events: Events,
    first: RelayFrame,
    mut frames: mpsc::Receiver<RelayFrame>,
    mut task: JoinHandle<Reply>,
    answering: Answering,
) {
    if events.frame(&first).await.is_err() {
        return;
    }
    let reply = loop {
        let idle = events.idle();
        tokio::select! {
            biased;
            Some(frame) = frames.recv() => {
                if events.frame(&frame).await.is_err() {
                    return;
                }
            }
            reply = &mut task => break ended(reply),
            _gone = idle => return,
        }
    };
    let event_id = match &reply {
        Reply::Answered { event_id, .. } => event_id.clone(),
        Reply::Refused { .. } => None,
    };
    let message: Bytes = answering.message(&reply);
    // The client may have gone in this instant: the receipts say what happened.
    let _ = events.answer(&message, event_id).await;
}

fn ended(reply: Result<Reply, tokio::task::JoinError>) -> Reply {
    reply.unwrap_or_else(|error| {
        tracing::error!(%error, "a call ended without a reply");
        let refusal = Refusal::new(Code::OutcomeUnknown, "the gateway failed while handling the call");
        Reply::Refused { refusal, receipts: None }
    })
}
