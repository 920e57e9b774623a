//! `/Groups`: groups of people. Groups of groups are not taken: who is in what should be plain.

use std::{collections::BTreeSet, sync::Arc};

use placet_domain::{
    DirectoryGroup, DirectoryKeyId, DirectoryRecord, DirectoryUserId, GroupName, Json, Object,
};
use placet_engine::{DirectoryError, GroupDraft};

use super::{
    answer::ScimError,
    attribute::{GROUP, Kind, USER},
    resource::{Resource, dressed, place},
};
use crate::Control;

impl Resource for DirectoryGroup {
    const KIND: &'static Kind = &GROUP;
    type Draft = GroupDraft;

    fn all(control: &Control) -> Vec<Arc<Self>> {
        control.engine.directory_groups()
    }

    fn one(control: &Control, id: &str) -> Option<Arc<Self>> {
        control.engine.directory_group(id.parse().ok()?)
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn record(&self) -> &DirectoryRecord {
        &self.record
    }

    fn written(&self) -> Object {
        let member = |id: &DirectoryUserId| Object::new().with("value", id.to_string());
        with_members(self.attributes.clone(), self.members.iter().map(member).collect())
    }

    fn shown(&self, control: &Control) -> Object {
        let member = |id: &DirectoryUserId| {
            let id = id.to_string();
            Object::new().with("$ref", place(control, &USER, &id)).with("value", id)
        };
        let resource = dressed(control, self, &self.attributes);
        with_members(resource, self.members.iter().map(member).collect())
    }

    fn draft(mut resource: Object, _before: Option<&Self>) -> Result<GroupDraft, ScimError> {
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

    async fn add(
        control: &Control,
        draft: GroupDraft,
        key: DirectoryKeyId,
    ) -> Result<Arc<Self>, DirectoryError> {
        control.engine.add_directory_group(draft, key).await
    }

    async fn change(
        &self,
        control: &Control,
        draft: GroupDraft,
        key: DirectoryKeyId,
    ) -> Result<Arc<Self>, DirectoryError> {
        control.engine.change_directory_group(self.id, self.record.version, draft, key).await
    }

    async fn remove(&self, control: &Control, key: DirectoryKeyId) -> Result<(), ScimError> {
        Ok(control.engine.remove_directory_group(self.id, key).await?)
    }
}

fn with_members(resource: Object, members: Vec<Object>) -> Object {
    if members.is_empty() { resource } else { resource.with("members", members) }
}
