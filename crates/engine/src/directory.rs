//! The company's directory: what its identity provider says of people and groups, taken over change by change.
//! A right is recorded before it exists, and what is taken away is gone before it is recorded; the one lock is `changing`.
//! How the provider speaks is the control API's matter, `scim/`.

mod groups;
mod keys;
mod record;
mod users;

use std::collections::HashMap;

use placet_domain::{DirectoryGroupId, DirectoryUserId, GroupName, Person, PersonName, limits};

use crate::{
    Engine, Ports,
    ports::{LedgerUnavailable, Provisioned, StoreError},
};

pub use groups::GroupDraft;
pub use keys::{KeyRequest, MadeKey};
pub use users::UserDraft;

/// Why the directory was not changed, or not completely.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It holds as much as it may.
    #[error(
        "the directory holds at most {} people and {} groups",
        limits::DIRECTORY_USERS,
        limits::DIRECTORY_GROUPS
    )]
    Full,
    /// A key asks for no life, or too long a one.
    #[error("a key lives between a day and {} days", limits::DIRECTORY_KEY_LIFE.as_secs() / 86_400)]
    KeyLife,
    /// The receipt could not be written. What was taken away is gone; what was given is not there.
    #[error("the change is not on record; send it again")]
    Ledger(#[from] LedgerUnavailable),
    /// A member is nobody here.
    #[error("`{0}` is no person of the directory")]
    Member(DirectoryUserId),
    /// Somebody else changed it since it was read.
    #[error("it was changed meanwhile; it has version {0} now")]
    Stale(i64),
    /// The records could not be written.
    #[error("the change is not stored; send it again")]
    Store(#[from] StoreError),
    /// The name is another's.
    #[error("`{0}` is in the directory already")]
    Taken(String),
    /// There is no such group.
    #[error("there is no group `{0}`")]
    UnknownGroup(DirectoryGroupId),
    /// There is no such person.
    #[error("there is no person `{0}`")]
    UnknownUser(DirectoryUserId),
}

/// Tells the people port what the directory says. Called after every write, and before anything is asked.
pub(crate) fn provision(ports: &Ports) {
    let users = ports.directory.users();
    let mut groups: HashMap<DirectoryUserId, Vec<GroupName>> = HashMap::new();
    for group in ports.directory.groups().iter().filter(|group| !group.record.removed) {
        for member in &group.members {
            groups.entry(*member).or_default().push(group.name.clone());
        }
    }
    let (here, left): (Vec<_>, Vec<_>) = users.iter().partition(|user| user.active && !user.record.removed);
    let here = here.into_iter().map(|user| Provisioned {
        person: Person { name: user.person.clone(), groups: groups.remove(&user.id).unwrap_or_default() },
        email: user.email.clone(),
    });
    let left: Vec<PersonName> = left.into_iter().map(|user| user.person.clone()).collect();
    ports.people.provision(here.collect(), &left);
}

impl Engine {
    /// Writes the receipts of what was taken away when the program stopped or the ledger was not there.
    ///
    /// # Errors
    /// The store or the ledger cannot be written; it stays taken away.
    pub async fn record_directory(&self) -> Result<(), DirectoryError> {
        let directory = &self.ports.directory;
        let (users, groups) = (directory.users(), directory.groups());
        if users.iter().all(|user| user.record.recorded) && groups.iter().all(|group| group.record.recorded) {
            return Ok(());
        }
        let _one_at_a_time = self.directory_changing.lock().await;
        for user in directory.users().iter().filter(|user| !user.record.recorded) {
            self.settle_user(user).await?;
        }
        for group in directory.groups().iter().filter(|group| !group.record.recorded) {
            self.settle_group(group).await?;
        }
        Ok(())
    }

    /// What follows from somebody having left: it is refused already, and now it is on record. What fails here is tried
    /// again by the upkeep.
    async fn follow_leavers(&self) {
        if let Err(error) = self.revoke_of_leavers().await {
            tracing::error!(%error, "runs of people who have left are refused, and not on record yet");
        }
        for (agent, why) in self.tick().await.failed {
            tracing::error!(%agent, why, "what is due in the life of an agent could not be done");
        }
    }
}
