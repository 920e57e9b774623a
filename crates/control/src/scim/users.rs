//! `/Users`: people. Whoever is not active, or is deleted, has left.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::HeaderMap;
use placet_domain::{
    DirectoryGroup, DirectoryKeyId, DirectoryRecord, DirectoryUser, DirectoryUserId, Json, Object, PersonName,
};
use placet_engine::{DirectoryError, UserDraft};

use super::{
    answer::ScimError,
    attribute::{GROUP, Kind, USER},
    filter::Filter,
    resource::{self, Resource, dressed, place},
};
use crate::Control;

/// Largest record of a person, bytes of its written form.
const RECORD_BYTES: usize = 16 * 1024;

impl Resource for DirectoryUser {
    const KIND: &'static Kind = &USER;
    type Draft = UserDraft;

    fn all(control: &Control) -> Vec<Arc<Self>> {
        control.engine.directory_users()
    }

    fn one(control: &Control, id: &str) -> Option<Arc<Self>> {
        control.engine.directory_user(id.parse().ok()?)
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn record(&self) -> &DirectoryRecord {
        &self.record
    }

    fn written(&self) -> Object {
        self.attributes.clone().with("active", self.active)
    }

    fn shown(&self, control: &Control) -> Object {
        let mut groups = control.engine.directory_groups();
        groups.retain(|group| group.members.contains(&self.id));
        in_groups(control, self, &groups)
    }

    fn draft(mut resource: Object, before: Option<&Self>) -> Result<UserDraft, ScimError> {
        let active = match resource.remove("active") {
            Some(Json::Bool(active)) => active,
            // Whoever is not said to be here stays what they were; who is new has come.
            _ => before.is_none_or(|before| before.active),
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

    /// Who is in which group is looked up once, and only if the filter asks.
    fn fitting(control: &Control, filter: &Filter) -> Vec<Arc<Self>> {
        let mut groups: BTreeMap<DirectoryUserId, Vec<Arc<DirectoryGroup>>> = BTreeMap::new();
        if filter.names("groups") {
            for group in control.engine.directory_groups() {
                for member in &group.members {
                    groups.entry(*member).or_default().push(group.clone());
                }
            }
        }
        let of = |user: &Self| groups.get(&user.id).map(Vec::as_slice).unwrap_or_default();
        let mut users = Self::all(control);
        users.retain(|user| filter.fits(&in_groups(control, user, of(user))));
        users
    }

    async fn add(
        control: &Control,
        draft: UserDraft,
        key: DirectoryKeyId,
    ) -> Result<Arc<Self>, DirectoryError> {
        control.engine.add_directory_user(draft, key).await
    }

    async fn change(
        &self,
        control: &Control,
        draft: UserDraft,
        key: DirectoryKeyId,
    ) -> Result<Arc<Self>, DirectoryError> {
        let leaves = !draft.active || draft.person != self.person;
        let user = control.engine.change_directory_user(self.id, self.record.version, draft, key).await?;
        if leaves {
            sign_out(control, &self.person).await?;
        }
        Ok(user)
    }

    /// Whoever is deleted leaves first: if that is all that is done, they do not come back by having signed in once.
    async fn remove(&self, control: &Control, key: DirectoryKeyId) -> Result<(), ScimError> {
        let gone = |before: &Self| Ok(before.written().with("active", false));
        resource::change(control, &self.id(), &HeaderMap::new(), key, gone).await?;
        control.engine.remove_directory_user(self.id, key).await?;
        Ok(())
    }
}

/// Ends what somebody opened by signing in, and forgets the account, so that nobody comes back by having been here.
/// Whom a file declares stays.
async fn sign_out(control: &Control, person: &PersonName) -> Result<(), DirectoryError> {
    let is_here = control.engine.ports().people.person(person).is_some();
    let Some(web) = control.web.as_ref().filter(|_| !is_here) else { return Ok(()) };
    web.accounts.remove_account(person).await?;
    Ok(())
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

fn in_groups(control: &Control, user: &DirectoryUser, groups: &[Arc<DirectoryGroup>]) -> Object {
    let resource = dressed(control, user, &user.written());
    let groups: Vec<Object> = groups
        .iter()
        .map(|group| {
            Object::new()
                .with("value", group.id.to_string())
                .with("$ref", place(control, &GROUP, &group.id.to_string()))
                .with("display", group.name.as_str())
        })
        .collect();
    if groups.is_empty() { resource } else { resource.with("groups", groups) }
}
