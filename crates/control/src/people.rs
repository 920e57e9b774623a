//! `/v1/people`: who is known here, letting somebody in for the first time, and forgetting how somebody signs in.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use placet_domain::PersonName;
use placet_engine::ports::Account;
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    argument::Argument,
    fields::Fields,
    peer::Caller,
    problem::{Fault, Problem},
    web::Web,
};

/// A person as the API shows them.
#[derive(Debug, Serialize)]
pub(crate) struct PersonView {
    name: String,
    groups: Vec<String>,
    roles: Vec<&'static str>,
    /// `provider`, `passphrase`, or nothing yet.
    signs_in_by: Option<&'static str>,
    signed_in: Option<String>,
    /// What the company's directory says: `active`, or `left` of somebody whom a file keeps here.
    directory: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PersonList {
    people: Vec<PersonView>,
}

/// The only answer that ever holds the link.
#[derive(Debug, Serialize)]
pub(crate) struct InvitedPerson {
    person: String,
    link: String,
    expires: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct ForgottenPerson {
    person: String,
    forgotten: bool,
}

pub(crate) async fn list(State(control): State<Arc<Control>>) -> Answered<PersonList> {
    let accounts = match &control.web {
        Some(web) => web.accounts.accounts().await.map_err(|error| Problem::unavailable(&error))?,
        None => Vec::new(),
    };
    let accounts: BTreeMap<PersonName, Account> =
        accounts.into_iter().map(|account| (account.person.clone(), account)).collect();
    let users = control.engine.directory_users();
    let provisioned: BTreeMap<&PersonName, bool> =
        users.iter().map(|user| (&user.person, user.active)).collect();
    let view = |person: Arc<placet_domain::Person>| {
        let account = accounts.get(&person.name);
        PersonView {
            name: person.name.to_string(),
            groups: person.groups.iter().map(ToString::to_string).collect(),
            roles: control.access.given(&person).iter().map(|role| role.as_str()).collect(),
            signs_in_by: account.and_then(|account| match (&account.identity, &account.passphrase) {
                (Some(_), _) => Some("provider"),
                (None, Some(_)) => Some("passphrase"),
                (None, None) => None,
            }),
            signed_in: account.and_then(|account| account.signed_in).map(|at| at.to_string()),
            directory: provisioned.get(&person.name).map(|active| if *active { "active" } else { "left" }),
        }
    };
    let people = control.engine.ports().people.everybody().into_iter().map(view).collect();
    Ok(Answer::new("placet/v1/people", PersonList { people }))
}

pub(crate) async fn invite(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(person): Argument<PersonName>,
    fields: Fields,
) -> Answered<InvitedPerson> {
    fields.end()?;
    let web = listener(&control)?;
    if !web.is_local() {
        let why = "people sign in at the identity provider here, and have no passphrase";
        return Err(Problem::new(Fault::Conflict, why, "declare the person; they can sign in then"));
    }
    if control.engine.ports().people.person(&person).is_none() {
        let next =
            "declare them in placet.toml or people.toml first, or let the company's directory name them";
        return Err(Problem::new(Fault::NotFound, format!("`{person}` is not a declared person"), next));
    }
    let made = web.invite(&control.engine, &person).await;
    let invitation = made.map_err(|error| Problem::unavailable(&error))?;
    tracing::info!(%person, %by, "a link to set a passphrase was made");
    let expires = invitation.expires.to_string();
    let body = InvitedPerson { person: person.to_string(), link: invitation.link, expires };
    Ok(Answer::new("placet/v1/invited-person", body))
}

pub(crate) async fn forget(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(person): Argument<PersonName>,
    fields: Fields,
) -> Answered<ForgottenPerson> {
    fields.end()?;
    let removed = listener(&control)?.accounts.remove_account(&person).await;
    let forgotten = removed.map_err(|error| Problem::unavailable(&error))?;
    tracing::info!(%person, %by, "sessions were ended and a sign-in was forgotten");
    Ok(Answer::new("placet/v1/forgotten-person", ForgottenPerson { person: person.to_string(), forgotten }))
}

fn listener(control: &Control) -> Result<&Web, Problem> {
    control.web.as_ref().ok_or_else(|| {
        let next = "set `[control] listen` and `[roles]` in placet.toml and start placet again";
        Problem::new(Fault::Conflict, "there is no listener that people could sign in at", next)
    })
}
