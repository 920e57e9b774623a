//! What people are told about an agent's life: what happened, why, what to do next, whom it goes to.

use placet_domain::{Agent, AgentName, PersonName, Stage, Timestamp};

use super::reach::standing;
use crate::Engine;

/// A message about an agent's life. Best effort: the receipts are the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeNotice {
    /// The agent.
    pub agent: AgentName,
    /// Where it stands.
    pub stage: Stage,
    /// Who is to be told: people who are in the directory.
    pub to: Vec<PersonName>,
    /// The contact that its charter names.
    pub contact: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Whether rights are about to end or have ended.
    pub alert: bool,
    /// The message.
    pub text: String,
}

impl Engine {
    pub(super) fn tell_approvers(&self, agent: &Agent, now: Timestamp) {
        let Some(proposal) = &agent.life.proposal else { return };
        let able = |person: &PersonName| *person != proposal.by && *person != agent.owner;
        let mut to: Vec<PersonName> =
            proposal.open().flat_map(|group| self.members(group)).filter(able).collect();
        to.sort();
        to.dedup();
        let groups: Vec<&str> = proposal.open().map(|group| group.as_str()).collect();
        let what = match proposal.terms {
            None => "is proposed",
            Some(_) => "asks for new terms",
        };
        let text = format!(
            "agent `{0}` {what} by {1}: {2}; one person each of {3} answers with `placet agent approve {0}` or \
             `placet agent deny {0}`",
            agent.name,
            proposal.by,
            agent.purpose,
            groups.join(", ")
        );
        self.tell(agent, to, false, text, now);
    }

    pub(super) fn tell_of_stage(&self, agent: &Agent, now: Timestamp) {
        let alert = agent.life.stage != Stage::Active;
        let text = match agent.life.stage {
            Stage::Active => format!("agent `{}` is active", agent.name),
            _ => {
                let (why, next) = standing(agent);
                format!("{why}; {next}")
            }
        };
        self.tell(agent, self.page(agent), alert, text, now);
    }

    pub(super) fn tell_reminder(&self, agent: &Agent, days: u32, now: Timestamp) {
        let name = &agent.name;
        let next = match self.ports.people.person(&agent.owner) {
            Some(_) => format!("look at `placet agent show {name}`, then `placet agent certify {name}`"),
            None => {
                format!("`{}` has left: name an owner with `placet agent owner {name} PERSON`", agent.owner)
            }
        };
        let cause = agent.life.stage.cause().map_or("", |cause| cause.words());
        let text = match agent.life.stage {
            Stage::CertificationDue => {
                format!("agent `{name}` is due for certification within {days} days; {next}")
            }
            Stage::Countdown { ends, .. } => {
                format!("agent `{name}` becomes read-only at {ends}, in at most {days} days: {cause}; {next}")
            }
            Stage::Restricted(_) => {
                format!("agent `{name}` is read-only and is switched off within {days} days: {cause}; {next}")
            }
            Stage::Suspended(_) => format!(
                "agent `{name}` is switched off and is retired within {days} days: {cause}; {next}, then \
                 `placet agent resume {name}`"
            ),
            Stage::Proposed | Stage::Active | Stage::Retired(_) => return,
        };
        let alert = agent.life.stage != Stage::CertificationDue;
        self.tell(agent, self.page(agent), alert, text, now);
    }

    fn tell(&self, agent: &Agent, to: Vec<PersonName>, alert: bool, text: String, at: Timestamp) {
        self.ports.notifier.life(&LifeNotice {
            agent: agent.name.clone(),
            stage: agent.life.stage,
            to,
            contact: agent.charter.contact.clone(),
            at,
            alert,
            text,
        });
    }
}
