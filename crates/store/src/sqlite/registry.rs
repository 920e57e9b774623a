//! Registered agents: a table, and all of it in memory.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::RwLock;
use placet_domain::{Agent, AgentName, AgentStatus, Charter, Timestamp};
use placet_engine::ports::{Registry, StoreError};

use super::{
    database::{Database, OpenError, failed, to_the_end},
    document, life,
    row::{UnreadableRow, noun, object},
};

type Agents = BTreeMap<AgentName, Arc<Agent>>;

#[derive(Debug)]
pub(super) struct SqliteRegistry {
    database: Database,
    agents: Arc<RwLock<Agents>>,
}

impl SqliteRegistry {
    pub(super) async fn load(database: Database) -> Result<Self, OpenError> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM agents")
            .fetch_all(database.readers())
            .await
            .map_err(|source| OpenError::Read { what: "agents", source: source.into() })?;
        let agents = rows
            .into_iter()
            .map(|row| Agent::try_from(row).map(|agent| (agent.name.clone(), Arc::new(agent))))
            .collect::<Result<Agents, _>>()
            .map_err(|source| OpenError::Read { what: "agents", source: source.into() })?;
        Ok(Self { database, agents: Arc::new(RwLock::new(agents)) })
    }
}

#[async_trait]
impl Registry for SqliteRegistry {
    fn agent(&self, name: &AgentName) -> Option<Arc<Agent>> {
        self.agents.read().get(name).cloned()
    }

    fn agents(&self) -> Vec<Arc<Agent>> {
        self.agents.read().values().cloned().collect()
    }

    async fn register(&self, agent: Agent) -> Result<bool, StoreError> {
        let (database, agents) = (self.database.clone(), self.agents.clone());
        to_the_end(REGISTER, async move {
            let mut writer = database.writer().await.map_err(failed(REGISTER))?;
            let row = Row::from(&agent);
            let written = sqlx::query(
                "INSERT INTO agents (name, owner, purpose, tier, groups, registered_us, status, charter, life) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
            )
            .bind(row.name)
            .bind(row.owner)
            .bind(row.purpose)
            .bind(row.tier)
            .bind(row.groups)
            .bind(row.registered_us)
            .bind(row.status)
            .bind(row.charter)
            .bind(row.life)
            .execute(&mut *writer)
            .await
            .map_err(failed(REGISTER))?;
            let new = written.rows_affected() == 1;
            if new {
                agents.write().insert(agent.name.clone(), Arc::new(agent));
            }
            Ok(new)
        })
        .await
    }

    async fn update(&self, agent: Agent) -> Result<bool, StoreError> {
        let (database, agents) = (self.database.clone(), self.agents.clone());
        to_the_end(UPDATE, async move {
            let mut writer = database.writer().await.map_err(failed(UPDATE))?;
            let row = Row::from(&agent);
            let written = sqlx::query(
                "UPDATE agents SET owner = ?, purpose = ?, tier = ?, groups = ?, registered_us = ?, status = ?, \
                 charter = ?, life = ? WHERE name = ?",
            )
            .bind(row.owner)
            .bind(row.purpose)
            .bind(row.tier)
            .bind(row.groups)
            .bind(row.registered_us)
            .bind(row.status)
            .bind(row.charter)
            .bind(row.life)
            .bind(row.name)
            .execute(&mut *writer)
            .await
            .map_err(failed(UPDATE))?;
            // INVARIANT: the writer is still held: memory changes in the order of the commits.
            let known = written.rows_affected() == 1;
            if known {
                agents.write().insert(agent.name.clone(), Arc::new(agent));
            }
            Ok(known)
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    owner: String,
    purpose: String,
    tier: i64,
    groups: String,
    registered_us: i64,
    status: String,
    charter: String,
    life: String,
}

impl From<&Agent> for Row {
    fn from(agent: &Agent) -> Self {
        let status = match agent.status {
            AgentStatus::Active => "active",
            AgentStatus::Revoked => "revoked",
        };
        let groups: Vec<&str> = agent.groups.iter().map(|group| group.as_str()).collect();
        Self {
            name: agent.name.to_string(),
            owner: agent.owner.to_string(),
            purpose: agent.purpose.clone(),
            tier: agent.tier.number(),
            groups: serde_json::Value::from(groups).to_string(),
            registered_us: agent.registered.micros(),
            status: status.to_owned(),
            charter: document::object_text(&agent.charter.to_json()),
            life: life::text(&agent.life),
        }
    }
}

impl TryFrom<Row> for Agent {
    type Error = UnreadableRow;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let groups: Vec<String> =
            serde_json::from_str(&row.groups).map_err(|cause| UnreadableRow::new("groups", cause))?;
        let life = life::read(&row.life)?;
        let charter = object("charter", &row.charter)?;
        Ok(Self {
            name: noun("name", &row.name)?,
            owner: noun("owner", &row.owner)?,
            purpose: row.purpose,
            tier: noun("tier", &row.tier.to_string())?,
            groups: groups.iter().map(|group| noun("groups", group)).collect::<Result<_, _>>()?,
            registered: Timestamp::from_micros(row.registered_us),
            status: life.stage.status(),
            charter: Charter::from_json(&charter).map_err(|cause| UnreadableRow::new("charter", cause))?,
            life,
        })
    }
}

const REGISTER: &str = "register an agent";
const UPDATE: &str = "change an agent";
