//! Who calls: the user id that the kernel reports for the other end of the socket, mapped to a declared person.
//! Nothing in a request can name its sender.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State, connect_info::Connected},
    http::{Method, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
    serve::IncomingStream,
};
use placet_domain::PersonName;
use tokio::net::UnixListener;

use crate::{
    Control,
    problem::{Fault, Problem},
};

/// The other end of a connection; its user id, if the kernel could say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().map(|credential| credential.uid()).ok())
    }
}

/// By which door somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The socket: a user of this machine.
    Socket,
    /// The listener: a person who signed in.
    Web,
}

/// The authenticated person.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) PersonName);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| stranger(None))
    }
}

/// Stands before every route, the unknown ones included: no person, no answer.
pub(crate) async fn identify(
    State(control): State<Arc<Control>>,
    ConnectInfo(Peer(uid)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let Some(person) = uid.and_then(|uid| (control.config.people)(uid)) else {
        tracing::warn!(uid, path = request.uri().path(), "a user who is no declared person was turned away");
        return Ok(stranger(uid).into_response());
    };
    let changes = request.method() != Method::GET;
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(Caller(person.clone()));
    request.extensions_mut().insert(Door::Socket);
    let response = next.run(request).await;
    if changes {
        tracing::info!(%person, path, status = response.status().as_u16(), "operator request");
    }
    Ok(response)
}

fn stranger(uid: Option<u32>) -> Problem {
    let Some(uid) = uid else {
        let next = "connect from this machine, over the socket itself";
        return Problem::new(Fault::Stranger, "the system does not say who is calling", next);
    };
    let next = format!(
        "add the lines `[[person]]`, `name = \"YOUR-NAME\"`, `os_uid = {uid}` to placet.toml (`os_user` with the login \
         name does as well) and start placet again"
    );
    Problem::new(Fault::Stranger, format!("operating-system user {uid} is not a declared person"), next)
}
