//! `/Groups`: groups of people. Groups of groups are not taken: who is in what should be plain.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use placet_domain::{
    DirectoryGroup, DirectoryGroupId, DirectoryKeyId, DirectoryUserId, GroupName, Json, Object,
};
use placet_engine::{DirectoryError, GroupDraft};

use super::{
    BASE,
    answer::{Answered, ScimAnswer, ScimError},
    attribute::{GROUP, USER},
    document,
    door::Key,
    page::{self, Query},
    patch,
    users::{TRIES, origin},
};
use crate::Control;

pub(super) async fn list(State(control): State<Arc<Control>>, query: Query) -> Answered {
    found_by(&control, &query)
}

pub(super) async fn search(State(control): State<Arc<Control>>, body: Bytes) -> Answered {
    found_by(&control, &Query::asked(&document::parse(&body)?)?)
}

fn found_by(control: &Control, query: &Query) -> Answered {
    let filter = query.filter(&GROUP)?;
    let mut groups = control.engine.directory_groups();
    if let Some(filter) = filter {
        groups.retain(|group| filter.fits(&shown(control, group)));
    }
    Ok(query.page(&GROUP, &groups, |group| shown(control, group)))
}

pub(super) async fn show(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Answered {
    let group = found(&control, &id)?;
    if page::is_known(&headers, group.record.version) {
        return Ok(ScimAnswer::nothing(StatusCode::NOT_MODIFIED));
    }
    let shown = query.shown(&GROUP, shown(&control, &group));
    Ok(ScimAnswer::resource(shown, group.record.version))
}

pub(super) async fn create(State(control): State<Arc<Control>>, Key(key): Key, body: Bytes) -> Answered {
    let draft = draft(document::resource(&GROUP, &document::parse(&body)?)?)?;
    let group = control.engine.add_directory_group(draft, key).await?;
    Ok(answer(&control, &group).created())
}

pub(super) async fn replace(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let new = document::resource(&GROUP, &document::parse(&body)?)?;
    change(&control, &id, &headers, key, |_before| draft(new.clone())).await
}

pub(super) async fn patch(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let request = document::parse(&body)?;
    change(&control, &id, &headers, key, |before| draft(patch::applied(&GROUP, written(before), &request)?))
        .await
}

pub(super) async fn remove(
    State(control): State<Arc<Control>>,
    Key(key): Key,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let group = found(&control, &id)?;
    page::unless_stale(&headers, group.record.version)?;
    control.engine.remove_directory_group(group.id, key).await?;
    Ok(ScimAnswer::nothing(StatusCode::NO_CONTENT))
}

/// Makes a change from what is there now, again if somebody else was faster.
async fn change(
    control: &Control,
    id: &str,
    headers: &HeaderMap,
    key: DirectoryKeyId,
    draft: impl Fn(&DirectoryGroup) -> Result<GroupDraft, ScimError>,
) -> Answered {
    let mut tries = 0;
    loop {
        let before = found(control, id)?;
        page::unless_stale(headers, before.record.version)?;
        let draft = draft(&before)?;
        tries += 1;
        match control.engine.change_directory_group(before.id, before.record.version, draft, key).await {
            Ok(group) => return Ok(answer(control, &group)),
            Err(DirectoryError::Stale(_)) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn draft(mut resource: Object) -> Result<GroupDraft, ScimError> {
    let members = resource.remove("members");
    let mut ids = BTreeSet::new();
    for member in members.as_ref().and_then(Json::as_array).unwrap_or_default() {
        let value = member.member("value").and_then(Json::as_str);
        let value = value.ok_or_else(|| ScimError::value("a member has no `value`"))?;
        let id: DirectoryUserId = value.parse().map_err(|_| {
            ScimError::value(format!("member `{}`: members are ids of people here", value.escape_debug()))
        })?;
        ids.insert(id);
    }
    let Some(name) = resource.member("displayName").and_then(Json::as_str) else {
        return Err(ScimError::value("`displayName` is missing"));
    };
    let name: GroupName = name.parse().map_err(|error| {
        let next = "map another attribute of your groups to `displayName`, or rename the group";
        ScimError::value(format!("`displayName`: {error}; {next}"))
    })?;
    Ok(GroupDraft { name, members: ids, attributes: resource })
}

/// A group as its draft is made from.
fn written(group: &DirectoryGroup) -> Object {
    let member = |id: &DirectoryUserId| Object::new().with("value", id.to_string());
    let members: Vec<Object> = group.members.iter().map(member).collect();
    let attributes = group.attributes.clone();
    if members.is_empty() { attributes } else { attributes.with("members", members) }
}

fn found(control: &Control, id: &str) -> Result<Arc<DirectoryGroup>, ScimError> {
    let id: Option<DirectoryGroupId> = id.parse().ok();
    id.and_then(|id| control.engine.directory_group(id))
        .ok_or_else(|| ScimError::not_found("group of this id"))
}

fn answer(control: &Control, group: &DirectoryGroup) -> ScimAnswer {
    ScimAnswer::resource(shown(control, group), group.record.version)
}

fn shown(control: &Control, group: &DirectoryGroup) -> Object {
    let member = |id: &DirectoryUserId| {
        let place = format!("{}{BASE}{}/{id}", origin(control), USER.endpoint);
        Object::new().with("value", id.to_string()).with("$ref", place)
    };
    let members: Vec<Object> = group.members.iter().map(member).collect();
    let resource =
        page::dressed(&GROUP, origin(control), &group.id.to_string(), &group.record, &group.attributes);
    if members.is_empty() { resource } else { resource.with("members", members) }
}
