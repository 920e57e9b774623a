//! Instances: a table, and those that ended less than a day ago in memory.

use std::{cmp::Reverse, collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::RwLock;
use placet_domain::{GroupName, Instance, InstanceId, Mandate, Timestamp};
use placet_engine::ports::{Mandates, StoreError};

use super::{
    database::{Database, OpenError, failed, to_the_end},
    document,
    row::{UnreadableRow, noun, object, optional},
};

#[derive(Debug)]
pub(super) struct SqliteMandates {
    database: Database,
    remembered: Arc<RwLock<Remembered>>,
}

/// The instances in memory. What has been pruned is unknown, and an unknown instance may do nothing.
#[derive(Debug, Default)]
struct Remembered {
    instances: HashMap<InstanceId, Arc<Instance>>,
    pruned: Timestamp,
}

impl Remembered {
    /// Adds a started instance. Its start is the newest time the store knows of, so it also drives the pruning.
    fn insert(&mut self, instance: Instance) {
        if instance.started > self.pruned.after(PRUNE_EVERY) {
            self.pruned = instance.started;
            let now = instance.started;
            self.instances.retain(|_, known| known.expires.after(REMEMBER) > now);
        }
        self.instances.insert(instance.id, Arc::new(instance));
    }

    fn revoke(&mut self, id: InstanceId, at: Timestamp) {
        if let Some(instance) = self.instances.get_mut(&id) {
            Arc::make_mut(instance).revoked = Some(at);
        }
    }
}

impl SqliteMandates {
    pub(super) async fn load(database: Database) -> Result<Self, OpenError> {
        let unreadable = |source| OpenError::Read { what: "instances", source };
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM instances WHERE expires_us > (SELECT max(started_us) FROM instances) - ?",
        )
        .bind(REMEMBER.as_micros() as i64)
        .fetch_all(database.readers())
        .await
        .map_err(|source| unreadable(source.into()))?;
        let mut remembered = Remembered::default();
        for row in rows {
            remembered.insert(Instance::try_from(row).map_err(|source| unreadable(source.into()))?);
        }
        Ok(Self { database, remembered: Arc::new(RwLock::new(remembered)) })
    }
}

#[async_trait]
impl Mandates for SqliteMandates {
    fn instance(&self, id: InstanceId) -> Option<Arc<Instance>> {
        self.remembered.read().instances.get(&id).cloned()
    }

    fn instances(&self) -> Vec<Arc<Instance>> {
        let mut all: Vec<_> = self.remembered.read().instances.values().cloned().collect();
        all.sort_unstable_by_key(|instance| Reverse((instance.started, instance.id)));
        all
    }

    async fn start(&self, instance: Instance) -> Result<(), StoreError> {
        let (database, remembered) = (self.database.clone(), self.remembered.clone());
        to_the_end(START, async move {
            let mut writer = database.writer().await.map_err(failed(START))?;
            let row = Row::from(&instance);
            sqlx::query(
                "INSERT INTO instances (id, agent, task, ticket, on_behalf_of, facts, started_by, started_us, \
                 expires_us, revoked_us, parent, kind, purpose, scope, person_groups, reads_only) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(row.id)
            .bind(row.agent)
            .bind(row.task)
            .bind(row.ticket)
            .bind(row.on_behalf_of)
            .bind(row.facts)
            .bind(row.started_by)
            .bind(row.started_us)
            .bind(row.expires_us)
            .bind(row.revoked_us)
            .bind(row.parent)
            .bind(row.kind)
            .bind(row.purpose)
            .bind(row.scope)
            .bind(row.person_groups)
            .bind(row.reads_only)
            .execute(&mut *writer)
            .await
            .map_err(failed(START))?;
            // INVARIANT: the writer is still held, so no revocation can come between the commit and this.
            remembered.write().insert(instance);
            Ok(())
        })
        .await
    }

    async fn revoke(&self, id: InstanceId, at: Timestamp) -> Result<bool, StoreError> {
        let (database, remembered) = (self.database.clone(), self.remembered.clone());
        to_the_end(REVOKE, async move {
            let mut writer = database.writer().await.map_err(failed(REVOKE))?;
            // All rows are fetched, although there is one at most: SQLite commits when the statement has ended.
            let first: Vec<(i64,)> = sqlx::query_as(
                "UPDATE instances SET revoked_us = coalesce(revoked_us, ?) WHERE id = ? RETURNING revoked_us",
            )
            .bind(at.micros())
            .bind(id.to_string())
            .fetch_all(&mut *writer)
            .await
            .map_err(failed(REVOKE))?;
            // A second revocation also waits for memory: its acknowledgement promises as much as the first one's.
            if let Some((first,)) = first.first() {
                remembered.write().revoke(id, Timestamp::from_micros(*first));
            }
            Ok(!first.is_empty())
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    agent: String,
    task: Option<String>,
    ticket: Option<String>,
    on_behalf_of: Option<String>,
    facts: String,
    started_by: String,
    started_us: i64,
    expires_us: i64,
    revoked_us: Option<i64>,
    parent: Option<String>,
    kind: Option<String>,
    purpose: Option<String>,
    scope: String,
    person_groups: String,
    reads_only: i64,
}

impl From<&Instance> for Row {
    fn from(instance: &Instance) -> Self {
        let mandate = &instance.mandate;
        Self {
            id: instance.id.to_string(),
            agent: instance.agent.to_string(),
            task: mandate.task.clone(),
            ticket: mandate.ticket.clone(),
            on_behalf_of: mandate.on_behalf_of.as_ref().map(ToString::to_string),
            facts: document::object_text(&mandate.facts),
            started_by: instance.started_by.to_string(),
            started_us: instance.started.micros(),
            expires_us: instance.expires.micros(),
            revoked_us: instance.revoked.map(Timestamp::micros),
            parent: instance.parent.map(|parent| parent.to_string()),
            kind: mandate.kind.as_ref().map(ToString::to_string),
            purpose: mandate.purpose.clone(),
            scope: mandate.scope.join(" "),
            person_groups: mandate.groups.iter().map(GroupName::as_str).collect::<Vec<_>>().join(" "),
            reads_only: i64::from(mandate.reads_only),
        }
    }
}

impl TryFrom<Row> for Instance {
    type Error = UnreadableRow;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        Ok(Self {
            id: noun("id", &row.id)?,
            agent: noun("agent", &row.agent)?,
            mandate: Mandate {
                task: row.task,
                ticket: row.ticket,
                on_behalf_of: optional("on_behalf_of", row.on_behalf_of.as_deref())?,
                facts: object("facts", &row.facts)?,
                kind: optional("kind", row.kind.as_deref())?,
                purpose: row.purpose,
                // No token of a scope holds a space.
                scope: row.scope.split_whitespace().map(str::to_owned).collect(),
                // Nor does the name of a group.
                groups: row
                    .person_groups
                    .split_whitespace()
                    .map(|group| noun("person_groups", group))
                    .collect::<Result<_, _>>()?,
                reads_only: row.reads_only != 0,
            },
            started_by: noun("started_by", &row.started_by)?,
            started: Timestamp::from_micros(row.started_us),
            expires: Timestamp::from_micros(row.expires_us),
            revoked: row.revoked_us.map(Timestamp::from_micros),
            parent: optional("parent", row.parent.as_deref())?,
        })
    }
}

/// How long an ended instance can still be looked up.
const REMEMBER: Duration = Duration::from_secs(24 * 60 * 60);

/// How often, in the time of started instances, memory is searched for old ones.
const PRUNE_EVERY: Duration = Duration::from_secs(10 * 60);

const START: &str = "start an instance";
const REVOKE: &str = "revoke an instance";
