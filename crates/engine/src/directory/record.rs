//! Receipts about the directory. They hold names, never addresses: a receipt stays.

use placet_domain::{
    DirectoryGroup, DirectoryKeyId, DirectoryUser, DirectoryUserId, Object, PersonName, RegistryChange,
    RegistryReceipt,
};

use crate::{Engine, ports::LedgerUnavailable};

/// People whom one receipt names: a leaf is bounded.
const NAMED: usize = 256;

impl Engine {
    pub(super) async fn record_directory_change(
        &self,
        change: RegistryChange,
        by: Option<&PersonName>,
        about: Object,
    ) -> Result<(), LedgerUnavailable> {
        let now = self.ports.clock.now();
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by, about }).await
    }

    /// One receipt, or several if it names many people.
    pub(super) async fn record_membership(
        &self,
        change: RegistryChange,
        about: Object,
        joined: &[DirectoryUserId],
        left: &[DirectoryUserId],
    ) -> Result<(), LedgerUnavailable> {
        let moves = joined.iter().map(|user| (true, user)).chain(left.iter().map(|user| (false, user)));
        let moves: Vec<(bool, String)> =
            moves.map(|(joins, user)| (joins, self.directory_name(*user))).collect();
        let named = |part: &[(bool, String)], joins: bool| {
            let names = part.iter().filter(|(joined, _)| *joined == joins).map(|(_, name)| name.clone());
            let names: Vec<String> = names.collect();
            (!names.is_empty()).then_some(names)
        };
        let receipt = |part: &[(bool, String)]| {
            about.clone().with_some("joined", named(part, true)).with_some("left", named(part, false))
        };
        if moves.is_empty() {
            return self.record_directory_change(change, None, about).await;
        }
        for part in moves.chunks(NAMED) {
            self.record_directory_change(change, None, receipt(part)).await?;
        }
        Ok(())
    }

    fn directory_name(&self, id: DirectoryUserId) -> String {
        self.ports.directory.user(id).map_or_else(|| id.to_string(), |user| user.person.to_string())
    }
}

pub(super) fn about_user(user: &DirectoryUser, key: Option<DirectoryKeyId>) -> Object {
    Object::new()
        .with("user", user.id.to_string())
        .with("person", user.person.as_str())
        .with_some("key", key.map(|key| key.to_string()))
}

pub(super) fn about_group(group: &DirectoryGroup, key: Option<DirectoryKeyId>) -> Object {
    Object::new()
        .with("group", group.id.to_string())
        .with("name", group.name.as_str())
        .with_some("key", key.map(|key| key.to_string()))
}

/// The names of attributes that differ, if any does.
pub(super) fn differing(before: &Object, after: &Object) -> Option<Vec<String>> {
    let keys = before.members().chain(after.members()).map(|(key, _)| key);
    let mut names: Vec<String> =
        keys.filter(|key| before.member(key) != after.member(key)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then_some(names)
}
