//! What a backend under test gives, and the nouns the sentences speak of.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use placet_domain::{
    Agent, AgentStatus, Answer, Approval, ApprovalId, ApprovalState, CallDigest, Charter, Digest, Gate,
    Instance, InstanceId, Json, Life, Mandate, Object, PolicyRevision, Requester, Stage, Tier, Timestamp,
};
use placet_engine::ports::{
    Accounts, Approvals, Credentials, Directory, Grants, Halts, Mandates, Pins, Registry, Revisions,
};

/// An implementation of the storage ports. Opening again after dropping what was opened is a restart: what was durable
/// is there.
#[async_trait]
pub(crate) trait Backend: Sync {
    async fn open(&self) -> Storage;
}

pub(crate) struct Storage {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) mandates: Arc<dyn Mandates>,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) grants: Arc<dyn Grants>,
    pub(crate) halts: Arc<dyn Halts>,
    pub(crate) pins: Arc<dyn Pins>,
    pub(crate) approvals: Arc<dyn Approvals>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) revisions: Arc<dyn Revisions>,
}

/// Minutes after the morning all tests happen in.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_micros(1_795_300_000_000_000 + minutes * 60_000_000)
}

pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// JSON whose values are hard to keep: order, doubles beyond the integers, fractions, escapes.
pub(crate) fn hard_json() -> Json {
    Json::parse(br#"{"z":1e30,"a":[0.1,-2.5e-7,48250.0,null,true],"n":{"\"q\"\n":"\u20ac \u0001"},"i":9007199254740991}"#)
        .unwrap()
}

pub(crate) fn hard_object() -> Object {
    hard_json().as_object().unwrap().clone()
}

pub(crate) fn agent(name: &str) -> Agent {
    Agent {
        name: parse(name),
        owner: parse("ana@example.com"),
        purpose: "keeps deals in order, \"quoted\" and ünïcode".to_owned(),
        tier: Tier::Two,
        groups: vec![parse("sales"), parse("eu")],
        registered: minute(0),
        status: AgentStatus::Active,
        charter: charter(),
        life: Life::begun(Stage::Active, minute(0)),
    }
}

/// A charter with something of everything.
fn charter() -> Charter {
    let text = r##"{"backup_owner":"bo","wants":["crm.get_deal","mail"],"data":["customer"],"model":"m-1",
        "environment":"production","until":"2030-01-01T00:00:00Z","contact":"#deals \"now\"","certify_days":30,
        "tasks":[{"name":"q4","scope":["crm.get_deal"],"facts":["quarter"],"longest_seconds":60}]}"##;
    Charter::from_json(Json::parse(text.as_bytes()).unwrap().as_object().unwrap()).unwrap()
}

/// The n-th run of `billing`, started in minute `n` for a quarter of an hour.
pub(crate) fn instance(n: u8) -> Instance {
    let started = minute(i64::from(n));
    Instance {
        id: InstanceId::new(started, [n; 10]),
        agent: parse("billing"),
        mandate: Mandate {
            task: Some("renew the contract".to_owned()),
            ticket: None,
            on_behalf_of: Some(parse("bo")),
            facts: hard_object(),
            kind: Some(parse("renewal")),
            purpose: Some("it ends soon".to_owned()),
            scope: vec!["crm.get_deal".to_owned(), "mail".to_owned()],
            groups: vec![parse("sales"), parse("leads")],
            reads_only: true,
        },
        started_by: parse("ana@example.com"),
        started,
        expires: started.after(Duration::from_secs(900)),
        revoked: None,
        parent: None,
    }
}

pub(crate) fn digest(call: &str) -> CallDigest {
    CallDigest(Digest::of(call.as_bytes()))
}

/// A question asked in minute `n` and open for an hour; `call` stands for the exact call.
pub(crate) fn question(n: u8, by: &str, call: &str) -> Approval {
    Approval {
        id: ApprovalId::new(minute(i64::from(n)), [n; 10]),
        digest: digest(call),
        requester: Requester {
            agent: parse(by),
            instance: instance(1).id,
            owner: parse("ana@example.com"),
            on_behalf_of: Some(parse("bo")),
            ticket: Some("CRM-7".to_owned()),
        },
        connector: parse("crm"),
        operation: "update_deal".to_owned(),
        arguments: hard_object(),
        gates: vec![Gate {
            policy: parse("large-deals"),
            approvers: vec![parse("sales-leads")],
            timeout: Duration::from_millis(3_600_001),
            reason: Some("more than 10 000 €".to_owned()),
        }],
        policy: PolicyRevision(Digest::of(b"policies")),
        asked: minute(i64::from(n)),
        expires: minute(i64::from(n) + 60),
        state: ApprovalState::Pending,
    }
}

pub(crate) fn answer(by: &str, at: Timestamp) -> Answer {
    Answer { by: parse(by), at, rationale: "agreed with the customer".to_owned() }
}
