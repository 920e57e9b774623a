//! `/v1/scim/tokens`: what an identity provider comes with. Made by an administrator, shown once, removed at any time.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use placet_domain::{DirectoryKey, DirectoryKeyId, Timestamp};
use placet_engine::{DirectoryError, KeyRequest};
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    argument::Argument,
    fields::{Fields, FreeText},
    peer::Caller,
    problem::{Fault, Problem},
};

/// How long a token lasts unless said otherwise, days.
const DAYS: i64 = 180;

/// A token as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct TokenView {
    id: String,
    note: String,
    made: String,
    by: String,
    expires: String,
    ended: bool,
    used: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TokenList {
    tokens: Vec<TokenView>,
    people: usize,
    groups: usize,
}

/// The only answer that ever holds the token.
#[derive(Debug, Serialize)]
pub(crate) struct MadeToken {
    token: TokenView,
    secret: String,
    url: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct RemovedToken {
    id: String,
    removed: bool,
}

pub(crate) async fn list(State(control): State<Arc<Control>>) -> Answer<TokenList> {
    let engine = &control.engine;
    let now = engine.ports().clock.now();
    let tokens = engine.directory_keys().iter().map(|key| view(key, now)).collect();
    let (people, groups) = (engine.directory_users().len(), engine.directory_groups().len());
    Answer::new("placet/v1/scim-tokens", TokenList { tokens, people, groups })
}

pub(crate) async fn make(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<MadeToken> {
    let FreeText(note) = fields.required("note")?;
    let days = fields.integer("days")?.unwrap_or(DAYS);
    fields.end()?;
    let Some(web) = &control.web else {
        let next = "set `[control] listen` and `[roles]` in placet.toml and start placet again";
        return Err(Problem::new(Fault::Conflict, "there is no listener that a provider could reach", next));
    };
    let life = Duration::from_secs(u64::try_from(days).unwrap_or(0).saturating_mul(24 * 60 * 60));
    let made = control.engine.make_directory_key(KeyRequest { note, life, by }).await?;
    let token = view(&made.key, made.key.made);
    let url = format!("{}{}", web.origin, super::BASE);
    Ok(Answer::new("placet/v1/made-scim-token", MadeToken { token, secret: made.secret, url }))
}

pub(crate) async fn remove(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(id): Argument<DirectoryKeyId>,
    fields: Fields,
) -> Answered<RemovedToken> {
    fields.end()?;
    match control.engine.remove_directory_key(id, &by).await? {
        true => Ok(Answer::new(
            "placet/v1/removed-scim-token",
            RemovedToken { id: id.to_string(), removed: true },
        )),
        false => Err(Problem::new(
            Fault::NotFound,
            format!("there is no token `{id}`"),
            "see them with `placet scim list`",
        )),
    }
}

fn view(key: &DirectoryKey, now: Timestamp) -> TokenView {
    TokenView {
        id: key.id.to_string(),
        note: key.note.clone(),
        made: key.made.to_string(),
        by: key.by.to_string(),
        expires: key.expires.to_string(),
        ended: now >= key.expires,
        used: key.used.map(|at| at.to_string()),
    }
}

/// By who is at fault. About people and groups the API of operators says nothing.
impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Ledger(error) => Self::unavailable(&error),
            DirectoryError::Store(error) => Self::unavailable(&error),
            DirectoryError::Full
            | DirectoryError::KeyLife
            | DirectoryError::Member(_)
            | DirectoryError::Stale(_)
            | DirectoryError::Taken(_)
            | DirectoryError::UnknownGroup(_)
            | DirectoryError::UnknownUser(_) => {
                Self::new(Fault::Invalid, error.to_string(), "mend the request; nothing was changed")
            }
        }
    }
}
