//! The company's directory: people, groups, who is in which, and keys. All of it is in memory too.

mod rows;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::RwLock;
use placet_domain::{
    Digest, DirectoryGroup, DirectoryGroupId, DirectoryKey, DirectoryKeyId, DirectoryUser, DirectoryUserId,
    Timestamp,
};
use placet_engine::ports::{Directory, StoreError};
use sqlx::Connection;

use super::{
    database::{Database, OpenError, failed, to_the_end},
    document,
};
use rows::{GroupRow, KeyRow, MemberRow, UserRow};

#[derive(Debug)]
pub(super) struct SqliteDirectory {
    database: Database,
    known: Arc<RwLock<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    users: BTreeMap<DirectoryUserId, Arc<DirectoryUser>>,
    groups: BTreeMap<DirectoryGroupId, Arc<DirectoryGroup>>,
    keys: BTreeMap<DirectoryKeyId, DirectoryKey>,
}

impl SqliteDirectory {
    /// What cannot be read stops the start: whoever has left must not come back by accident.
    pub(super) async fn load(database: Database) -> Result<Self, OpenError> {
        let known = read(&database).await.map_err(|source| OpenError::Read { what: "directory", source })?;
        Ok(Self { database, known: Arc::new(RwLock::new(known)) })
    }
}

async fn read(database: &Database) -> Result<Known, Box<dyn std::error::Error + Send + Sync>> {
    let readers = database.readers();
    let users: Vec<UserRow> = sqlx::query_as("SELECT * FROM directory_users").fetch_all(readers).await?;
    let groups: Vec<GroupRow> = sqlx::query_as("SELECT * FROM directory_groups").fetch_all(readers).await?;
    let members: Vec<MemberRow> =
        sqlx::query_as("SELECT * FROM directory_members").fetch_all(readers).await?;
    let keys: Vec<KeyRow> = sqlx::query_as("SELECT * FROM directory_keys").fetch_all(readers).await?;
    let mut of_groups: BTreeMap<DirectoryGroupId, BTreeSet<DirectoryUserId>> = BTreeMap::new();
    for member in members {
        let (group, user) = member.read()?;
        of_groups.entry(group).or_default().insert(user);
    }
    let mut known = Known::default();
    for user in users {
        let user = DirectoryUser::try_from(user)?;
        known.users.insert(user.id, Arc::new(user));
    }
    for group in groups {
        let mut group = DirectoryGroup::try_from(group)?;
        group.members = of_groups.remove(&group.id).unwrap_or_default();
        known.groups.insert(group.id, Arc::new(group));
    }
    for key in keys {
        let key = DirectoryKey::try_from(key)?;
        known.keys.insert(key.id, key);
    }
    Ok(known)
}

#[async_trait]
impl Directory for SqliteDirectory {
    fn users(&self) -> Vec<Arc<DirectoryUser>> {
        self.known.read().users.values().cloned().collect()
    }

    fn user(&self, id: DirectoryUserId) -> Option<Arc<DirectoryUser>> {
        self.known.read().users.get(&id).cloned()
    }

    fn groups(&self) -> Vec<Arc<DirectoryGroup>> {
        self.known.read().groups.values().cloned().collect()
    }

    fn group(&self, id: DirectoryGroupId) -> Option<Arc<DirectoryGroup>> {
        self.known.read().groups.get(&id).cloned()
    }

    async fn put_user(&self, user: DirectoryUser) -> Result<(), StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(USER, async move {
            let mut writer = database.writer().await.map_err(failed(USER))?;
            let record = &user.record;
            sqlx::query(
                "INSERT INTO directory_users (id, person, active, email, attributes, made_us, changed_us, version, \
                 recorded, removed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
                 person = excluded.person, active = excluded.active, email = excluded.email, \
                 attributes = excluded.attributes, changed_us = excluded.changed_us, version = excluded.version, \
                 recorded = excluded.recorded, removed = excluded.removed",
            )
            .bind(user.id.to_string())
            .bind(user.person.as_str())
            .bind(i64::from(user.active))
            .bind(user.email.as_deref())
            .bind(document::object_text(&user.attributes))
            .bind(record.made.micros())
            .bind(record.changed.micros())
            .bind(record.version)
            .bind(i64::from(record.recorded))
            .bind(i64::from(record.removed))
            .execute(&mut *writer)
            .await
            .map_err(failed(USER))?;
            // INVARIANT: the writer is still held: memory changes in the order of the commits.
            known.write().users.insert(user.id, Arc::new(user));
            Ok(())
        })
        .await
    }

    async fn forget_user(&self, id: DirectoryUserId) -> Result<(), StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(USER, async move {
            let mut writer = database.writer().await.map_err(failed(USER))?;
            sqlx::query("DELETE FROM directory_users WHERE id = ?")
                .bind(id.to_string())
                .execute(&mut *writer)
                .await
                .map_err(failed(USER))?;
            let mut known = known.write();
            known.users.remove(&id);
            for group in known.groups.values_mut().filter(|group| group.members.contains(&id)) {
                Arc::make_mut(group).members.remove(&id);
            }
            Ok(())
        })
        .await
    }

    async fn put_group(&self, group: DirectoryGroup) -> Result<(), StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(GROUP, async move {
            let mut writer = database.writer().await.map_err(failed(GROUP))?;
            // Only what differs is written: one person joins a group of thousands.
            let before =
                known.read().groups.get(&group.id).map(|group| group.members.clone()).unwrap_or_default();
            let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed(GROUP))?;
            let record = &group.record;
            sqlx::query(
                "INSERT INTO directory_groups (id, name, attributes, made_us, changed_us, version, recorded, removed) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
                 attributes = excluded.attributes, changed_us = excluded.changed_us, version = excluded.version, \
                 recorded = excluded.recorded, removed = excluded.removed",
            )
            .bind(group.id.to_string())
            .bind(group.name.as_str())
            .bind(document::object_text(&group.attributes))
            .bind(record.made.micros())
            .bind(record.changed.micros())
            .bind(record.version)
            .bind(i64::from(record.recorded))
            .bind(i64::from(record.removed))
            .execute(&mut *change)
            .await
            .map_err(failed(GROUP))?;
            let moves = [
                ("DELETE FROM directory_members WHERE in_group = ? AND user = ?", before.difference(&group.members)),
                ("INSERT INTO directory_members (in_group, user) VALUES (?, ?)", group.members.difference(&before)),
            ];
            for (sql, users) in moves {
                for user in users {
                    let query = sqlx::query(sql).bind(group.id.to_string()).bind(user.to_string());
                    query.execute(&mut *change).await.map_err(failed(GROUP))?;
                }
            }
            change.commit().await.map_err(failed(GROUP))?;
            // INVARIANT: the writer is still held: memory changes in the order of the commits.
            known.write().groups.insert(group.id, Arc::new(group));
            Ok(())
        })
        .await
    }

    async fn forget_group(&self, id: DirectoryGroupId) -> Result<(), StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(GROUP, async move {
            let mut writer = database.writer().await.map_err(failed(GROUP))?;
            sqlx::query("DELETE FROM directory_groups WHERE id = ?")
                .bind(id.to_string())
                .execute(&mut *writer)
                .await
                .map_err(failed(GROUP))?;
            known.write().groups.remove(&id);
            Ok(())
        })
        .await
    }

    fn keys(&self) -> Vec<DirectoryKey> {
        self.known.read().keys.values().cloned().collect()
    }

    fn key(&self, hash: Digest) -> Option<DirectoryKey> {
        self.known.read().keys.values().find(|key| key.hash == hash).cloned()
    }

    async fn add_key(&self, key: DirectoryKey) -> Result<(), StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(KEY, async move {
            let mut writer = database.writer().await.map_err(failed(KEY))?;
            sqlx::query(
                "INSERT INTO directory_keys (id, hash, note, made_by, made_us, expires_us, used_us) \
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(key.id.to_string())
            .bind(key.hash.as_bytes().as_slice())
            .bind(&key.note)
            .bind(key.by.as_str())
            .bind(key.made.micros())
            .bind(key.expires.micros())
            .bind(key.used.map(Timestamp::micros))
            .execute(&mut *writer)
            .await
            .map_err(failed(KEY))?;
            known.write().keys.insert(key.id, key);
            Ok(())
        })
        .await
    }

    async fn remove_key(&self, id: DirectoryKeyId) -> Result<bool, StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(KEY, async move {
            let mut writer = database.writer().await.map_err(failed(KEY))?;
            sqlx::query("DELETE FROM directory_keys WHERE id = ?")
                .bind(id.to_string())
                .execute(&mut *writer)
                .await
                .map_err(failed(KEY))?;
            Ok(known.write().keys.remove(&id).is_some())
        })
        .await
    }

    async fn use_key(&self, id: DirectoryKeyId, at: Timestamp) -> Result<(), StoreError> {
        let (database, known) = (self.database.clone(), self.known.clone());
        to_the_end(KEY, async move {
            let mut writer = database.writer().await.map_err(failed(KEY))?;
            sqlx::query("UPDATE directory_keys SET used_us = ? WHERE id = ?")
                .bind(at.micros())
                .bind(id.to_string())
                .execute(&mut *writer)
                .await
                .map_err(failed(KEY))?;
            if let Some(key) = known.write().keys.get_mut(&id) {
                key.used = Some(at);
            }
            Ok(())
        })
        .await
    }
}

const GROUP: &str = "keep a group of the directory";
const KEY: &str = "keep a key of the directory";
const USER: &str = "keep a person of the directory";
