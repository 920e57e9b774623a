//! `/v1/keys/rotate`: another key signs tokens from now on; the one before verifies what it has signed.
//! `/v1/keys/log`: the ledger is handed over to another key, on record in the ledger itself.

use std::{pin::Pin, sync::Arc};

use axum::extract::State;
use placet_domain::{PersonName, Timestamp};
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    fields::Fields,
    peer::Caller,
    problem::{Fault, Problem, causes},
};

/// Makes a key, keeps it, and puts it in force in the name of the person. `true`: the key before is not to be trusted
/// any more, not even for the tokens it has signed.
pub type Rotate = Arc<
    dyn Fn(PersonName, bool) -> Pin<Box<dyn Future<Output = Result<Rotated, RotateFailure>> + Send>>
        + Send
        + Sync,
>;

/// Makes a key, keeps it, and hands the ledger over to it in the name of the person.
pub type ChangeLogKey = Arc<
    dyn Fn(PersonName) -> Pin<Box<dyn Future<Output = Result<LogKeyChanged, RotateFailure>> + Send>>
        + Send
        + Sync,
>;

/// A change of the ledger's key that has happened.
#[derive(Debug, Clone)]
pub struct LogKeyChanged {
    /// The verifier key that signs checkpoints now.
    pub key: String,
    /// The one that signed before.
    pub before: String,
    /// The key entry in the ledger.
    pub index: u64,
}

/// A rotation that has happened.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The id of the key that signs now.
    pub key: String,
    /// The id of the key that signed before.
    pub before: String,
    /// Until when that one verifies.
    pub until: Timestamp,
}

/// Why the key was not rotated. The one in force stays.
#[derive(Debug, thiserror::Error)]
#[error("the key was not rotated")]
pub struct RotateFailure(#[source] pub Box<dyn std::error::Error + Send + Sync>);

#[derive(Debug, Serialize)]
pub(crate) struct RotatedView {
    key: String,
    before: String,
    until: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct LogKeyView {
    key: String,
    before: String,
    index: u64,
}

pub(crate) async fn change_log(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    fields: Fields,
) -> Answered<LogKeyView> {
    fields.end()?;
    let LogKeyChanged { key, before, index } =
        (control.config.change_log_key)(by).await.map_err(|failure| {
            let next = "mend what is named and ask again; `placet ledger keys` says which key is in force";
            Problem::new(Fault::Unavailable, causes(&failure), next)
        })?;
    Ok(Answer::new("placet/v1/changed-log-key", LogKeyView { key, before, index }))
}

pub(crate) async fn rotate(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<RotatedView> {
    let leaked = fields.boolean("leaked")?;
    fields.end()?;
    let Rotated { key, before, until } = (control.config.rotate)(by, leaked).await.map_err(|failure| {
        let next = "mend what is named and rotate again; the key in force is the one from before";
        Problem::new(Fault::Unavailable, causes(&failure), next)
    })?;
    Ok(Answer::new("placet/v1/rotated-key", RotatedView { key, before, until: until.to_string() }))
}
