//! Groups of the directory. Being in one is a right: it is recorded before it exists, and gone before its end is recorded.

use std::{collections::BTreeSet, sync::Arc};

use placet_domain::{
    DirectoryGroup, DirectoryGroupId, DirectoryKeyId, DirectoryRecord, DirectoryUserId, GroupName, Object,
    RegistryChange, limits,
};

use super::{
    DirectoryError, provision,
    record::{about_group, differing},
};
use crate::Engine;

/// What the identity provider says of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupDraft {
    /// The group its members are in.
    pub name: GroupName,
    /// Its members.
    pub members: BTreeSet<DirectoryUserId>,
    /// What else it says.
    pub attributes: Object,
}

impl GroupDraft {
    fn of(self, id: DirectoryGroupId, record: DirectoryRecord) -> DirectoryGroup {
        let Self { name, members, attributes } = self;
        DirectoryGroup { id, name, members, attributes, record }
    }
}

impl Engine {
    /// Every group of the directory, oldest first.
    #[must_use]
    pub fn directory_groups(&self) -> Vec<Arc<DirectoryGroup>> {
        let mut groups = self.ports.directory.groups();
        groups.retain(|group| !group.record.removed);
        groups
    }

    /// A group of the directory.
    #[must_use]
    pub fn directory_group(&self, id: DirectoryGroupId) -> Option<Arc<DirectoryGroup>> {
        self.ports.directory.group(id).filter(|group| !group.record.removed)
    }

    /// Takes a group into the directory.
    ///
    /// # Errors
    /// See [`DirectoryError`].
    pub async fn add_directory_group(
        &self,
        draft: GroupDraft,
        key: DirectoryKeyId,
    ) -> Result<Arc<DirectoryGroup>, DirectoryError> {
        let _one_at_a_time = self.directory_changing.lock().await;
        if self.ports.directory.groups().len() >= limits::DIRECTORY_GROUPS {
            return Err(DirectoryError::Full);
        }
        self.fits(&draft, None)?;
        let now = self.ports.clock.now();
        let group = draft.of(DirectoryGroupId::new(now, self.random()), DirectoryRecord::new(now));
        let joined: Vec<_> = group.members.iter().copied().collect();
        let about = about_group(&group, Some(key));
        self.record_membership(RegistryChange::DirectoryGroupAdded, about, &joined, &[]).await?;
        self.keep_group(group.clone()).await?;
        Ok(Arc::new(group))
    }

    /// Replaces what is known of a group, if it still has the version that the new words were made from.
    ///
    /// # Errors
    /// See [`DirectoryError`].
    pub async fn change_directory_group(
        &self,
        id: DirectoryGroupId,
        version: i64,
        draft: GroupDraft,
        key: DirectoryKeyId,
    ) -> Result<Arc<DirectoryGroup>, DirectoryError> {
        let _one_at_a_time = self.directory_changing.lock().await;
        let before = self.directory_group(id).ok_or(DirectoryError::UnknownGroup(id))?;
        if before.record.version != version {
            return Err(DirectoryError::Stale(before.record.version));
        }
        self.fits(&draft, Some(id))?;
        let group = draft.of(id, before.record.next(self.ports.clock.now()));
        if (DirectoryGroup { record: before.record, ..group.clone() }) == *before && before.record.recorded {
            return Ok(before);
        }
        let renamed = group.name != before.name;
        // Who is in both stays; in a group of another name nobody was.
        let stay: BTreeSet<DirectoryUserId> = match renamed {
            true => BTreeSet::new(),
            false => before.members.intersection(&group.members).copied().collect(),
        };
        let left: Vec<_> = before.members.difference(&stay).copied().collect();
        let joined: Vec<_> = group.members.difference(&stay).copied().collect();
        if !left.is_empty() {
            // INVARIANT: gone first, recorded then. A crash in between is mended by `record_directory`.
            let record = before.record.unrecorded();
            self.keep_group(DirectoryGroup { members: stay, record, ..(*before).clone() }).await?;
        }
        let about = about_group(&group, Some(key))
            .with_some("before", renamed.then(|| before.name.to_string()))
            .with_some("attributes", differing(&before.attributes, &group.attributes));
        self.record_membership(RegistryChange::DirectoryGroupChanged, about, &joined, &left).await?;
        self.keep_group(group.clone()).await?;
        Ok(Arc::new(group))
    }

    /// Takes a group out of the directory: nobody is in it any more.
    ///
    /// # Errors
    /// See [`DirectoryError`]. It is gone also if only the receipt is missing.
    pub async fn remove_directory_group(
        &self,
        id: DirectoryGroupId,
        key: DirectoryKeyId,
    ) -> Result<(), DirectoryError> {
        let _one_at_a_time = self.directory_changing.lock().await;
        let before = self.directory_group(id).ok_or(DirectoryError::UnknownGroup(id))?;
        let record = DirectoryRecord { removed: true, ..before.record.unrecorded() };
        self.keep_group(DirectoryGroup { record, ..(*before).clone() }).await?;
        let about = about_group(&before, Some(key));
        self.record_directory_change(RegistryChange::DirectoryGroupRemoved, None, about).await?;
        Ok(self.ports.directory.forget_group(id).await?)
    }

    /// Writes the receipt that is missing.
    pub(super) async fn settle_group(&self, group: &DirectoryGroup) -> Result<(), DirectoryError> {
        let about = about_group(group, None);
        if group.record.removed {
            self.record_directory_change(RegistryChange::DirectoryGroupRemoved, None, about).await?;
            return Ok(self.ports.directory.forget_group(group.id).await?);
        }
        // Who stayed is what is known now; who left is told by the receipts before.
        let stayed: Vec<_> = group.members.iter().copied().collect();
        self.record_membership(RegistryChange::DirectoryGroupChanged, about, &stayed, &[]).await?;
        let record = DirectoryRecord { recorded: true, ..group.record };
        self.keep_group(DirectoryGroup { record, ..group.clone() }).await
    }

    fn fits(&self, draft: &GroupDraft, except: Option<DirectoryGroupId>) -> Result<(), DirectoryError> {
        let taken = self.ports.directory.groups().into_iter().find(|group| {
            Some(group.id) != except && group.name.as_str().eq_ignore_ascii_case(draft.name.as_str())
        });
        if let Some(group) = taken {
            return Err(DirectoryError::Taken(group.name.to_string()));
        }
        match draft.members.iter().find(|member| self.directory_user(**member).is_none()) {
            Some(member) => Err(DirectoryError::Member(*member)),
            None => Ok(()),
        }
    }

    async fn keep_group(&self, group: DirectoryGroup) -> Result<(), DirectoryError> {
        self.ports.directory.put_group(group).await?;
        provision(&self.ports);
        self.halting.announce();
        Ok(())
    }
}
