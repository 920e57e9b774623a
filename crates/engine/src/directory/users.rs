//! People of the directory: taken over, changed, gone.

use std::sync::Arc;

use placet_domain::{
    DirectoryKeyId, DirectoryRecord, DirectoryUser, DirectoryUserId, Object, PersonName, RegistryChange,
    limits,
};

use super::{
    DirectoryError, provision,
    record::{about_user, differing},
};
use crate::Engine;

/// What the identity provider says of somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct UserDraft {
    /// The name they have here.
    pub person: PersonName,
    /// Whether they are with the company.
    pub active: bool,
    /// The address by which other systems know them.
    pub email: Option<String>,
    /// What else it says.
    pub attributes: Object,
}

impl UserDraft {
    fn of(self, id: DirectoryUserId, record: DirectoryRecord) -> DirectoryUser {
        let Self { person, active, email, attributes } = self;
        DirectoryUser { id, person, active, email, attributes, record }
    }
}

impl Engine {
    /// Everybody in the directory, oldest first.
    #[must_use]
    pub fn directory_users(&self) -> Vec<Arc<DirectoryUser>> {
        let mut users = self.ports.directory.users();
        users.retain(|user| !user.record.removed);
        users
    }

    /// Somebody in the directory.
    #[must_use]
    pub fn directory_user(&self, id: DirectoryUserId) -> Option<Arc<DirectoryUser>> {
        self.ports.directory.user(id).filter(|user| !user.record.removed)
    }

    /// Takes somebody into the directory.
    ///
    /// # Errors
    /// See [`DirectoryError`].
    pub async fn add_directory_user(
        &self,
        draft: UserDraft,
        key: DirectoryKeyId,
    ) -> Result<Arc<DirectoryUser>, DirectoryError> {
        let _one_at_a_time = self.directory_changing.lock().await;
        if self.ports.directory.users().len() >= limits::DIRECTORY_USERS {
            return Err(DirectoryError::Full);
        }
        self.name_is_free(&draft.person, None)?;
        let now = self.ports.clock.now();
        let user = draft.of(DirectoryUserId::new(now, self.random()), DirectoryRecord::new(now));
        let about = about_user(&user, Some(key)).with("active", user.active);
        self.record_directory_change(RegistryChange::DirectoryPersonAdded, None, about).await?;
        self.keep_user(user.clone()).await?;
        Ok(Arc::new(user))
    }

    /// Replaces what is known of somebody, if it still has the version that the new words were made from. After `Ok`
    /// whoever is not active has left: nothing is accepted of them or on their behalf.
    ///
    /// # Errors
    /// See [`DirectoryError`].
    pub async fn change_directory_user(
        &self,
        id: DirectoryUserId,
        version: i64,
        draft: UserDraft,
        key: DirectoryKeyId,
    ) -> Result<Arc<DirectoryUser>, DirectoryError> {
        let changing = self.directory_changing.lock().await;
        let before = self.directory_user(id).ok_or(DirectoryError::UnknownUser(id))?;
        if before.record.version != version {
            return Err(DirectoryError::Stale(before.record.version));
        }
        self.name_is_free(&draft.person, Some(id))?;
        let now = self.ports.clock.now();
        let user = draft.of(id, before.record.next(now));
        let same = DirectoryUser { record: before.record, ..user.clone() } == *before;
        if same && before.record.recorded {
            return Ok(before);
        }
        let renamed = user.person != before.person;
        let leaves = before.active && (renamed || !user.active);
        if leaves {
            // INVARIANT: gone first, recorded then. A crash in between is mended by `record_directory`.
            let narrowed =
                DirectoryUser { active: false, record: before.record.unrecorded(), ..(*before).clone() };
            self.keep_user(narrowed).await?;
        }
        if leaves || (!before.record.recorded && !before.active) {
            let cause = if user.active { "renamed" } else { "deactivated" };
            let about = about_user(&before, Some(key)).with("cause", cause);
            self.record_directory_change(RegistryChange::DirectoryPersonLeft, None, about).await?;
        }
        let attributes = differing(&before.attributes, &user.attributes);
        if renamed || user.active || attributes.is_some() {
            let about = about_user(&user, Some(key))
                .with("active", user.active)
                .with_some("before", renamed.then(|| before.person.to_string()))
                .with_some("attributes", attributes);
            self.record_directory_change(RegistryChange::DirectoryPersonChanged, None, about).await?;
        }
        self.keep_user(user.clone()).await?;
        drop(changing);
        if leaves {
            self.follow_leavers().await;
        }
        Ok(Arc::new(user))
    }

    /// Takes somebody out of the directory: they have left.
    ///
    /// # Errors
    /// See [`DirectoryError`]. They have left also if only the receipt is missing.
    pub async fn remove_directory_user(
        &self,
        id: DirectoryUserId,
        key: DirectoryKeyId,
    ) -> Result<Arc<DirectoryUser>, DirectoryError> {
        let changing = self.directory_changing.lock().await;
        let before = self.directory_user(id).ok_or(DirectoryError::UnknownUser(id))?;
        let record = DirectoryRecord { removed: true, ..before.record.unrecorded() };
        self.keep_user(DirectoryUser { active: false, record, ..(*before).clone() }).await?;
        let about = about_user(&before, Some(key)).with("cause", "removed");
        self.record_directory_change(RegistryChange::DirectoryPersonLeft, None, about).await?;
        self.forget_user(id).await?;
        drop(changing);
        self.follow_leavers().await;
        Ok(before)
    }

    /// Writes the receipt that is missing.
    pub(super) async fn settle_user(&self, user: &DirectoryUser) -> Result<(), DirectoryError> {
        let cause = if user.record.removed { "removed" } else { "deactivated" };
        let about = about_user(user, None).with("cause", cause);
        self.record_directory_change(RegistryChange::DirectoryPersonLeft, None, about).await?;
        match user.record.removed {
            true => self.forget_user(user.id).await,
            false => {
                let record = DirectoryRecord { recorded: true, ..user.record };
                self.keep_user(DirectoryUser { record, ..user.clone() }).await
            }
        }
    }

    /// Two people whose names differ in capitals alone would be taken for one by the identity provider (RFC 7643 section
    /// 4.1.1), and for two here.
    fn name_is_free(&self, name: &PersonName, except: Option<DirectoryUserId>) -> Result<(), DirectoryError> {
        let users = self.ports.directory.users();
        let is = |user: &&Arc<DirectoryUser>| {
            Some(user.id) != except && user.person.as_str().eq_ignore_ascii_case(name.as_str())
        };
        match users.iter().find(is) {
            Some(user) => Err(DirectoryError::Taken(user.person.to_string())),
            None => Ok(()),
        }
    }

    async fn keep_user(&self, user: DirectoryUser) -> Result<(), DirectoryError> {
        self.ports.directory.put_user(user).await?;
        provision(&self.ports);
        self.halting.announce();
        Ok(())
    }

    async fn forget_user(&self, id: DirectoryUserId) -> Result<(), DirectoryError> {
        self.ports.directory.forget_user(id).await?;
        provision(&self.ports);
        Ok(())
    }
}
