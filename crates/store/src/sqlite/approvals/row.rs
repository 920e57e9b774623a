//! The row of an approval and its way back to the noun.

use std::time::Duration;

use placet_domain::{
    Answer, Approval, ApprovalState, CallDigest, Gate, PolicyRevision, Requester, Timestamp,
};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::sqlite::{
    document,
    row::{UnreadableRow, digest, noun, object, optional},
};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: String,
    digest: Vec<u8>,
    agent: String,
    instance: String,
    owner: String,
    on_behalf_of: Option<String>,
    ticket: Option<String>,
    connector: String,
    operation: String,
    arguments: String,
    gates: String,
    policy: Vec<u8>,
    asked_us: i64,
    expires_us: i64,
    state: String,
    answered_by: Option<String>,
    answered_us: Option<i64>,
    rationale: Option<String>,
}

impl Row {
    pub(super) async fn insert(self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO approvals (id, digest, agent, instance, owner, on_behalf_of, ticket, connector, operation, \
             arguments, gates, policy, asked_us, expires_us, state, answered_by, answered_us, rationale) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(self.id)
        .bind(self.digest)
        .bind(self.agent)
        .bind(self.instance)
        .bind(self.owner)
        .bind(self.on_behalf_of)
        .bind(self.ticket)
        .bind(self.connector)
        .bind(self.operation)
        .bind(self.arguments)
        .bind(self.gates)
        .bind(self.policy)
        .bind(self.asked_us)
        .bind(self.expires_us)
        .bind(self.state)
        .bind(self.answered_by)
        .bind(self.answered_us)
        .bind(self.rationale)
        .execute(connection)
        .await
        .map(drop)
    }
}

impl TryFrom<&Approval> for Row {
    type Error = serde_json::Error;

    fn try_from(approval: &Approval) -> Result<Self, Self::Error> {
        let gates: Vec<GateRow> = approval.gates.iter().map(GateRow::from).collect();
        let answer = approval.state.answer();
        Ok(Self {
            id: approval.id.to_string(),
            digest: approval.digest.0.as_bytes().to_vec(),
            agent: approval.requester.agent.to_string(),
            instance: approval.requester.instance.to_string(),
            owner: approval.requester.owner.to_string(),
            on_behalf_of: approval.requester.on_behalf_of.as_ref().map(ToString::to_string),
            ticket: approval.requester.ticket.clone(),
            connector: approval.connector.to_string(),
            operation: approval.operation.clone(),
            arguments: document::object_text(&approval.arguments),
            gates: serde_json::to_string(&gates)?,
            policy: approval.policy.0.as_bytes().to_vec(),
            asked_us: approval.asked.micros(),
            expires_us: approval.expires.micros(),
            state: approval.state.as_str().to_owned(),
            answered_by: answer.map(|answer| answer.by.to_string()),
            answered_us: answer.map(|answer| answer.at.micros()),
            rationale: answer.map(|answer| answer.rationale.clone()),
        })
    }
}

impl TryFrom<Row> for Approval {
    type Error = UnreadableRow;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let gates: Vec<GateRow> =
            serde_json::from_str(&row.gates).map_err(|cause| UnreadableRow::new("gates", cause))?;
        Ok(Self {
            id: noun("id", &row.id)?,
            digest: CallDigest(digest("digest", &row.digest)?),
            requester: Requester {
                agent: noun("agent", &row.agent)?,
                instance: noun("instance", &row.instance)?,
                owner: noun("owner", &row.owner)?,
                on_behalf_of: optional("on_behalf_of", row.on_behalf_of.as_deref())?,
                ticket: row.ticket,
            },
            connector: noun("connector", &row.connector)?,
            operation: row.operation,
            arguments: object("arguments", &row.arguments)?,
            gates: gates.into_iter().map(Gate::try_from).collect::<Result<_, _>>()?,
            policy: PolicyRevision(digest("policy", &row.policy)?),
            asked: Timestamp::from_micros(row.asked_us),
            expires: Timestamp::from_micros(row.expires_us),
            state: state(&row.state, answer(row.answered_by, row.answered_us, row.rationale)?)?,
        })
    }
}

fn answer(
    by: Option<String>,
    at: Option<i64>,
    rationale: Option<String>,
) -> Result<Option<Answer>, UnreadableRow> {
    match (by, at, rationale) {
        (None, None, None) => Ok(None),
        (Some(by), Some(at), Some(rationale)) => {
            Ok(Some(Answer { by: noun("answered_by", &by)?, at: Timestamp::from_micros(at), rationale }))
        }
        _ => Err(UnreadableRow::new("answered_by", "half an answer is stored")),
    }
}

fn state(word: &str, answer: Option<Answer>) -> Result<ApprovalState, UnreadableRow> {
    match (word, answer) {
        ("approved", Some(answer)) => Ok(ApprovalState::Approved(answer)),
        ("consumed", Some(answer)) => Ok(ApprovalState::Consumed(answer)),
        ("denied", Some(answer)) => Ok(ApprovalState::Denied(answer)),
        ("pending", None) => Ok(ApprovalState::Pending),
        (other, answer) => {
            let with = if answer.is_some() { "with" } else { "without" };
            Err(UnreadableRow::new("state", format!("`{other}` {with} an answer is not a state")))
        }
    }
}

#[derive(Serialize, Deserialize)]
struct GateRow {
    policy: String,
    approvers: Vec<String>,
    timeout: Duration,
    reason: Option<String>,
}

impl From<&Gate> for GateRow {
    fn from(gate: &Gate) -> Self {
        Self {
            policy: gate.policy.to_string(),
            approvers: gate.approvers.iter().map(ToString::to_string).collect(),
            timeout: gate.timeout,
            reason: gate.reason.clone(),
        }
    }
}

impl TryFrom<GateRow> for Gate {
    type Error = UnreadableRow;

    fn try_from(row: GateRow) -> Result<Self, Self::Error> {
        Ok(Self {
            policy: noun("gates", &row.policy)?,
            approvers: row.approvers.iter().map(|group| noun("gates", group)).collect::<Result<_, _>>()?,
            timeout: row.timeout,
            reason: row.reason,
        })
    }
}
