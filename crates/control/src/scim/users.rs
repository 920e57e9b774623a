//! `/Users`: people. Whoever is not active, or is deleted, has left.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use placet_domain::{DirectoryUser, DirectoryUserId, Json, Object, PersonName};
use placet_engine::{DirectoryError, UserDraft};

use super::{
    BASE,
    answer::{Answered, ScimAnswer, ScimError},
    attribute::{GROUP, USER},
    document,
    door::Key,
    page::{self, Query},
    patch,
};
use crate::Control;

/// How often a change is made anew because another one came between.
pub(super) const TRIES: usize = 5;
/// Largest record of a person, bytes of its written form.
const RECORD_BYTES: usize = 16 * 1024;

pub(super) async fn list(State(control): State<Arc<Control>>, query: Query) -> Answered {
    found_by(&control, &query)
}

pub(super) async fn search(State(control): State<Arc<Control>>, body: Bytes) -> Answered {
    found_by(&control, &Query::asked(&document::parse(&body)?)?)
}

fn found_by(control: &Control, query: &Query) -> Answered {
    let filter = query.filter(&USER)?;
    let mut users = control.engine.directory_users();
    if let Some(filter) = filter {
        users.retain(|user| filter.fits(&shown(control, user)));
    }
    Ok(query.page(&USER, &users, |user| with_groups(control, user)))
}

pub(super) async fn show(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Answered {
    let user = found(&control, &id)?;
    if page::is_known(&headers, user.record.version) {
        return Ok(ScimAnswer::nothing(StatusCode::NOT_MODIFIED));
    }
    let shown = query.shown(&USER, with_groups(&control, &user));
    Ok(ScimAnswer::resource(shown, user.record.version))
}

pub(super) async fn create(State(control): State<Arc<Control>>, Key(key): Key, body: Bytes) -> Answered {
    let draft = draft(document::resource(&USER, &document::parse(&body)?)?, true)?;
    let user = control.engine.add_directory_user(draft, key).await?;
    Ok(answer(&control, &user).created())
}

pub(super) async fn replace(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let new = document::resource(&USER, &document::parse(&body)?)?;
    change(&control, &id, &headers, key, |before| draft(new.clone(), before.active)).await
}

pub(super) async fn patch(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let request = document::parse(&body)?;
    change(&control, &id, &headers, key, |before| {
        let resource = before.attributes.clone().with("active", before.active);
        draft(patch::applied(&USER, resource, &request)?, before.active)
    })
    .await
}

/// Whoever is deleted leaves first: if that is all that is done, they do not come back by having signed in once.
pub(super) async fn remove(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let user = found(&control, &id)?;
    page::unless_stale(&headers, user.record.version)?;
    let gone = |before: &DirectoryUser| {
        let DirectoryUser { person, email, attributes, .. } = before.clone();
        Ok(UserDraft { person, active: false, email, attributes })
    };
    change(&control, &id, &HeaderMap::new(), key, gone).await?;
    control.engine.remove_directory_user(user.id, key).await?;
    Ok(ScimAnswer::nothing(StatusCode::NO_CONTENT))
}

/// Makes a change from what is there now, again if somebody else was faster.
async fn change(
    control: &Control,
    id: &str,
    headers: &HeaderMap,
    key: placet_domain::DirectoryKeyId,
    draft: impl Fn(&DirectoryUser) -> Result<UserDraft, ScimError>,
) -> Answered {
    let mut tries = 0;
    loop {
        let before = found(control, id)?;
        page::unless_stale(headers, before.record.version)?;
        let draft = draft(&before)?;
        let leaves = !draft.active || draft.person != before.person;
        tries += 1;
        match control.engine.change_directory_user(before.id, before.record.version, draft, key).await {
            Ok(user) => {
                if leaves {
                    sign_out(control, &before.person).await?;
                }
                return Ok(answer(control, &user));
            }
            Err(DirectoryError::Stale(_)) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ends what somebody opened by signing in, and forgets the account, so that nobody comes back by having been here.
/// Whom a file declares stays.
async fn sign_out(control: &Control, person: &PersonName) -> Result<(), ScimError> {
    let is_here = control.engine.ports().people.person(person).is_some();
    let Some(web) = control.web.as_ref().filter(|_| !is_here) else { return Ok(()) };
    match web.accounts.remove_account(person).await {
        Ok(_) => Ok(()),
        Err(error) => Err(DirectoryError::from(error).into()),
    }
}

fn draft(mut resource: Object, active: bool) -> Result<UserDraft, ScimError> {
    let active = match resource.remove("active") {
        Some(Json::Bool(active)) => active,
        // Whoever is not said to be here stays what they were.
        _ => active,
    };
    let Some(name) = resource.member("userName").and_then(Json::as_str) else {
        return Err(ScimError::value("`userName` is missing"));
    };
    let person: PersonName =
        name.parse().map_err(|error| ScimError::value(format!("`userName`: {error}")))?;
    if Json::Object(resource.clone()).canonical().len() > RECORD_BYTES {
        return Err(ScimError::value(format!("a person has at most {RECORD_BYTES} bytes")));
    }
    Ok(UserDraft { person, active, email: email(&resource), attributes: resource })
}

/// The address by which other systems know them: the primary one, else the one for work, else the first.
fn email(resource: &Object) -> Option<String> {
    let all: Vec<&Object> =
        resource.member("emails")?.as_array()?.iter().filter_map(Json::as_object).collect();
    let is = |one: &&&Object, name: &str, value: &Json| one.member(name) == Some(value);
    let chosen = all
        .iter()
        .find(|one| is(one, "primary", &true.into()))
        .or_else(|| all.iter().find(|one| is(one, "type", &"work".into())))
        .or_else(|| all.first())?;
    let address = chosen.member("value")?.as_str()?;
    (address.contains('@') && address.len() <= 254).then(|| address.to_owned())
}

fn found(control: &Control, id: &str) -> Result<Arc<DirectoryUser>, ScimError> {
    let id: Option<DirectoryUserId> = id.parse().ok();
    id.and_then(|id| control.engine.directory_user(id))
        .ok_or_else(|| ScimError::not_found("person of this id"))
}

fn answer(control: &Control, user: &DirectoryUser) -> ScimAnswer {
    ScimAnswer::resource(with_groups(control, user), user.record.version)
}

fn shown(control: &Control, user: &DirectoryUser) -> Object {
    let attributes = user.attributes.clone().with("active", user.active);
    page::dressed(&USER, origin(control), &user.id.to_string(), &user.record, &attributes)
}

fn with_groups(control: &Control, user: &DirectoryUser) -> Object {
    let groups: Vec<Object> = control
        .engine
        .directory_groups()
        .iter()
        .filter(|group| group.members.contains(&user.id))
        .map(|group| {
            Object::new()
                .with("value", group.id.to_string())
                .with("$ref", format!("{}{BASE}{}/{}", origin(control), GROUP.endpoint, group.id))
                .with("display", group.name.as_str())
        })
        .collect();
    let resource = shown(control, user);
    if groups.is_empty() { resource } else { resource.with("groups", groups) }
}

pub(super) fn origin(control: &Control) -> &str {
    control.web.as_ref().map(|web| web.origin.as_str()).unwrap_or_default()
}
