//! A grant for a time: further permission for one agent or one of its runs, which ends by itself.
//! What it may permit at most is its tier's ceiling; the rules are `docs/policies/grants.md`.

use std::{fmt::Write as _, time::Duration};

use crate::{
    AgentName, Answer, ConnectorName, GrantId, InstanceId, Operation, PersonName, PolicyId, Resource,
    Timestamp, ToolName,
};

/// The tool of ours by which an agent asks. No tool of a connector goes by this name.
pub const REQUEST_PERMISSION: &str = "placet-request-permission";

/// What is asked for, or given, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id; on a decision that it permits, the reason.
    pub id: GrantId,
    /// Who may do more.
    pub agent: AgentName,
    /// In this run alone; every run if absent.
    pub instance: Option<InstanceId>,
    /// Where.
    pub connector: ConnectorName,
    /// With which tools.
    pub tools: Vec<ToolName>,
    /// On this alone; on anything if absent.
    pub resource: Option<Resource>,
    /// How long it holds once it is given.
    pub lasts: Duration,
    /// Why, in the words of whoever asks.
    pub justification: String,
    /// The person who asks; the agent itself if absent.
    pub asked_by: Option<PersonName>,
    /// The person for whom the run acts.
    pub on_behalf_of: Option<PersonName>,
    /// The person who started the run.
    pub started_by: Option<PersonName>,
    /// When it was asked for.
    pub asked: Timestamp,
    /// Until when it can be answered; once given, until when it holds.
    pub expires: Timestamp,
    /// Where it stands.
    pub state: GrantState,
    /// Whether a receipt says so. Only what is taken back goes ahead of its receipt.
    pub recorded: bool,
}

/// Where a grant stands. Expiry is no state: it follows from the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantState {
    /// A person has refused.
    Denied(Answer),
    /// It holds: a person gave it, or a policy did.
    Given(Giver),
    /// Nobody has answered.
    Pending,
    /// It held, and a person has taken it back.
    Revoked(Answer),
}

/// Who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Giver {
    /// A person.
    Person(Answer),
    /// A rule of automated review, at this moment.
    Policy(PolicyId, Timestamp),
}

impl GrantState {
    /// The word lists and receipts use.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Given(_) => "given",
            Self::Pending => "pending",
            Self::Revoked(_) => "revoked",
        }
    }
}

impl Grant {
    /// Whether it permits anything at this moment.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        matches!(self.state, GrantState::Given(_)) && now < self.expires
    }

    /// Whether it permits this, now.
    #[must_use]
    pub fn covers(
        &self,
        instance: InstanceId,
        connector: &ConnectorName,
        operation: &Operation,
        resource: Option<&Resource>,
        now: Timestamp,
    ) -> bool {
        let Operation::Tool(tool) = operation else { return false };
        self.holds(now)
            && self.instance.is_none_or(|only| only == instance)
            && self.connector == *connector
            && self.tools.contains(tool)
            && self.resource.as_ref().is_none_or(|only| resource == Some(only))
    }

    /// The same as a policy: what people read, and what another engine would enforce.
    #[must_use]
    pub fn to_cedar(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.escape_debug());
        let actions: Vec<String> = self
            .tools
            .iter()
            .map(|tool| format!("Action::{}", quoted(&format!("{}.{tool}", self.connector))))
            .collect();
        let resource = match &self.resource {
            Some(resource) => format!("resource == {}::{}", resource.kind, quoted(&resource.id)),
            None => "resource".to_owned(),
        };
        let giver = match &self.state {
            GrantState::Given(Giver::Person(answer)) => format!("User::{}", answer.by),
            GrantState::Given(Giver::Policy(policy, _)) => format!("policy {policy}"),
            GrantState::Denied(_) | GrantState::Pending | GrantState::Revoked(_) => "nobody".to_owned(),
        };
        let mut text = format!(
            "@id(\"{}\") @granted_by({}) @expires(\"{}\")\npermit (principal == Agent::{}, action in [{}], {resource})\nwhen {{ ",
            self.id,
            quoted(&giver),
            self.expires,
            quoted(self.agent.as_str()),
            actions.join(", "),
        );
        if let Some(instance) = self.instance {
            // Writing to a text cannot fail.
            let _ = write!(text, "context.instance == \"{instance}\" && ");
        }
        let _ = write!(text, "context.time.now < datetime(\"{}\") }};", self.expires);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        let now = Timestamp::from_micros(1_795_300_000_000_000);
        Grant {
            id: GrantId::new(now, [1; 10]),
            agent: "ap-bot".parse().unwrap(),
            instance: Some(InstanceId::new(now, [2; 10])),
            connector: "vendor".parse().unwrap(),
            tools: vec!["pay".parse().unwrap()],
            resource: Some(Resource { kind: "Vendor".to_owned(), id: "glo\"bex".to_owned() }),
            lasts: Duration::from_secs(300),
            justification: "the invoice is due".to_owned(),
            asked_by: None,
            on_behalf_of: None,
            started_by: None,
            asked: now,
            expires: now.after(Duration::from_secs(300)),
            state: GrantState::Given(Giver::Policy("low-risk".parse().unwrap(), now)),
            recorded: true,
        }
    }

    #[test]
    fn a_grant_covers_exactly_what_it_names_and_not_at_its_end() {
        let grant = grant();
        let (run, pay) = (grant.instance.unwrap(), Operation::Tool("pay".parse().unwrap()));
        let other_run = InstanceId::new(grant.asked, [3; 10]);
        let vendor = |id: &str| Resource { kind: "Vendor".to_owned(), id: id.to_owned() };
        let covers = |run, operation: &Operation, resource: Option<&Resource>, now| {
            grant.covers(run, &grant.connector, operation, resource, now)
        };
        let globex = vendor("glo\"bex");
        assert!(covers(run, &pay, Some(&globex), grant.asked));
        assert!(!covers(run, &pay, Some(&globex), grant.expires));
        assert!(!covers(other_run, &pay, Some(&globex), grant.asked));
        assert!(!covers(run, &pay, Some(&vendor("acme")), grant.asked));
        assert!(!covers(run, &pay, None, grant.asked));
        assert!(!covers(run, &Operation::ReadResource, Some(&globex), grant.asked));
        let pending = Grant { state: GrantState::Pending, ..grant.clone() };
        assert!(!pending.covers(run, &grant.connector, &pay, Some(&globex), grant.asked));
    }

    #[test]
    fn the_text_of_a_grant_is_a_policy_that_ends() {
        let (id, run) = (grant().id, grant().instance.unwrap());
        let expected = format!(
            "@id(\"{id}\") @granted_by(\"policy low-risk\") @expires(\"2026-11-21T22:31:40Z\")\n\
             permit (principal == Agent::\"ap-bot\", action in [Action::\"vendor.pay\"], resource == Vendor::\"glo\\\"bex\")\n\
             when {{ context.instance == \"{run}\" && context.time.now < datetime(\"2026-11-21T22:31:40Z\") }};"
        );
        assert_eq!(grant().to_cedar(), expected);
    }
}
