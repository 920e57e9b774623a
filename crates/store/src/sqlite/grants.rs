//! Grants for a time: all of them in memory, each change one write.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::RwLock;
use placet_domain::{Answer, Giver, Grant, GrantId, GrantState, Json, Object, Resource, Timestamp, ToolName};
use placet_engine::ports::{Grants, StoreError};

use super::{
    database::{Database, OpenError, failed, to_the_end},
    document::{object_text, read},
    row::{UnreadableRow, noun},
};

#[derive(Debug)]
pub(super) struct SqliteGrants {
    database: Database,
    grants: Arc<RwLock<BTreeMap<GrantId, Grant>>>,
}

impl SqliteGrants {
    /// A grant that cannot be read stops the start: one that was taken back must not hold by accident.
    pub(super) async fn load(database: Database) -> Result<Self, OpenError> {
        let unreadable = |source| OpenError::Read { what: "grants", source };
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM grants")
            .fetch_all(database.readers())
            .await
            .map_err(|source| unreadable(source.into()))?;
        let grants = rows
            .into_iter()
            .map(|row| Grant::try_from(row).map(|grant| (grant.id, grant)))
            .collect::<Result<_, _>>()
            .map_err(|source| unreadable(source.into()))?;
        Ok(Self { database, grants: Arc::new(RwLock::new(grants)) })
    }
}

#[async_trait]
impl Grants for SqliteGrants {
    fn grants(&self) -> Vec<Grant> {
        self.grants.read().values().cloned().collect()
    }

    async fn put(&self, grant: Grant) -> Result<(), StoreError> {
        let (database, grants) = (self.database.clone(), self.grants.clone());
        to_the_end(PUT, async move {
            let mut writer = database.writer().await.map_err(failed(PUT))?;
            sqlx::query(
                "INSERT INTO grants (id, agent, state, asked_us, expires_us, recorded, body) \
                 VALUES (?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, expires_us = excluded.expires_us, \
                 recorded = excluded.recorded, body = excluded.body",
            )
            .bind(grant.id.to_string())
            .bind(grant.agent.as_str())
            .bind(grant.state.as_str())
            .bind(grant.asked.micros())
            .bind(grant.expires.micros())
            .bind(grant.recorded)
            .bind(object_text(&body(&grant)))
            .execute(&mut *writer)
            .await
            .map_err(failed(PUT))?;
            // INVARIANT: the writer is still held: memory changes in the order of the commits.
            grants.write().insert(grant.id, grant);
            Ok(())
        })
        .await
    }

    async fn remove(&self, id: GrantId) -> Result<(), StoreError> {
        let (database, grants) = (self.database.clone(), self.grants.clone());
        to_the_end(REMOVE, async move {
            let mut writer = database.writer().await.map_err(failed(REMOVE))?;
            sqlx::query("DELETE FROM grants WHERE id = ?")
                .bind(id.to_string())
                .execute(&mut *writer)
                .await
                .map_err(failed(REMOVE))?;
            grants.write().remove(&id);
            Ok(())
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    agent: String,
    state: String,
    asked_us: i64,
    expires_us: i64,
    recorded: bool,
    body: String,
}

/// What has no column of its own.
fn body(grant: &Grant) -> Object {
    let tools: Vec<&str> = grant.tools.iter().map(ToolName::as_str).collect();
    let resource = grant
        .resource
        .as_ref()
        .map(|resource| Object::new().with("id", resource.id.as_str()).with("kind", resource.kind.as_str()));
    let answer = match &grant.state {
        GrantState::Pending => None,
        GrantState::Given(Giver::Policy(policy, at)) => {
            Some(Object::new().with("at_us", at.micros()).with("policy", policy.as_str()))
        }
        GrantState::Given(Giver::Person(answer))
        | GrantState::Denied(answer)
        | GrantState::Revoked(answer) => Some(
            Object::new()
                .with("at_us", answer.at.micros())
                .with("by", answer.by.as_str())
                .with("rationale", answer.rationale.as_str()),
        ),
    };
    Object::new()
        .with("connector", grant.connector.as_str())
        .with("justification", grant.justification.as_str())
        .with("lasts_s", i64::try_from(grant.lasts.as_secs()).unwrap_or(i64::MAX))
        .with("tools", tools)
        .with_some("answer", answer)
        .with_some("asked_by", grant.asked_by.as_ref().map(|person| person.as_str()))
        .with_some("instance", grant.instance.map(|instance| instance.to_string()))
        .with_some("on_behalf_of", grant.on_behalf_of.as_ref().map(|person| person.as_str()))
        .with_some("started_by", grant.started_by.as_ref().map(|person| person.as_str()))
        .with_some("resource", resource)
}

impl TryFrom<Row> for Grant {
    type Error = UnreadableRow;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let body = read(&row.body).map_err(|error| UnreadableRow::new("body", error.to_string()))?;
        let text = |key: &'static str| body.member(key).and_then(Json::as_str);
        let needed = |key: &'static str| text(key).ok_or_else(|| UnreadableRow::new(key, "it is missing"));
        let lasts =
            body.member("lasts_s").and_then(Json::as_integer).and_then(|seconds| u64::try_from(seconds).ok());
        let tools = body.member("tools").and_then(Json::as_array).unwrap_or_default();
        let resource = body.member("resource").and_then(|resource| {
            let text = |key: &str| resource.member(key).and_then(Json::as_str).map(str::to_owned);
            Some(Resource { kind: text("kind")?, id: text("id")? })
        });
        if resource.is_none() && body.member("resource").is_some() {
            return Err(UnreadableRow::new("resource", "it has no kind and id"));
        }
        Ok(Self {
            id: noun("id", &row.id)?,
            agent: noun("agent", &row.agent)?,
            instance: text("instance").map(|id| noun("instance", id)).transpose()?,
            connector: noun("connector", needed("connector")?)?,
            tools: tools
                .iter()
                .map(|tool| noun("tools", tool.as_str().unwrap_or_default()))
                .collect::<Result<_, _>>()?,
            resource,
            lasts: Duration::from_secs(
                lasts.ok_or_else(|| UnreadableRow::new("lasts_s", "it is no length"))?,
            ),
            justification: needed("justification")?.to_owned(),
            asked_by: text("asked_by").map(|name| noun("asked_by", name)).transpose()?,
            on_behalf_of: text("on_behalf_of").map(|name| noun("on_behalf_of", name)).transpose()?,
            started_by: text("started_by").map(|name| noun("started_by", name)).transpose()?,
            asked: Timestamp::from_micros(row.asked_us),
            expires: Timestamp::from_micros(row.expires_us),
            state: state(&row.state, body.member("answer"))?,
            recorded: row.recorded,
        })
    }
}

fn state(word: &str, answer: Option<&Json>) -> Result<GrantState, UnreadableRow> {
    let text = |key: &str| answer.and_then(|answer| answer.member(key)?.as_str());
    let at = answer.and_then(|answer| answer.member("at_us")?.as_integer()).map(Timestamp::from_micros);
    let at = at.ok_or_else(|| UnreadableRow::new("answer", "it has no moment"));
    let person = |at| {
        Ok::<_, UnreadableRow>(Answer {
            by: noun("by", text("by").unwrap_or_default())?,
            at,
            rationale: text("rationale").unwrap_or_default().to_owned(),
        })
    };
    match (word, text("policy")) {
        ("pending", _) => Ok(GrantState::Pending),
        ("given", Some(policy)) => Ok(GrantState::Given(Giver::Policy(noun("policy", policy)?, at?))),
        ("given", None) => Ok(GrantState::Given(Giver::Person(person(at?)?))),
        ("denied", _) => Ok(GrantState::Denied(person(at?)?)),
        ("revoked", _) => Ok(GrantState::Revoked(person(at?)?)),
        (other, _) => Err(UnreadableRow::new("state", format!("`{other}` is none"))),
    }
}

const PUT: &str = "keep a grant";
const REMOVE: &str = "forget a grant";
