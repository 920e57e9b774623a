//! The answers of approvers to a proposal: one distinct person for each group of the chain, never who asks or owns.

use placet_domain::{
    Agent, AgentName, ApproverAnswer, Event, GroupName, Object, Person, PersonName, Proposal, RegistryChange,
    Stage, Terms, Timestamp, limits,
};

use super::change::ChangeError;
use crate::Engine;

/// An approver's answer, as the control API hands it in. The person is authenticated there.
#[derive(Debug, Clone)]
pub struct ProposalAnswer {
    /// The agent.
    pub agent: AgentName,
    /// Agree or refuse.
    pub approve: bool,
    /// Who answers.
    pub by: PersonName,
    /// The group they speak for, if they are in more than one of those asked.
    pub group: Option<GroupName>,
    /// Why.
    pub rationale: String,
}

impl Engine {
    /// Takes an approver's answer. The last consent makes the agent active, or its new terms hold; one refusal ends
    /// the proposal.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn answer_proposal(&self, answer: ProposalAnswer) -> Result<Agent, ChangeError> {
        let _one_at_a_time = self.agents_changing.lock().await;
        let ProposalAnswer { agent: name, approve, by, group, rationale } = answer;
        if rationale.chars().count() > limits::TEXT_CHARS {
            return Err(ChangeError::Invalid(format!(
                "a rationale has at most {} characters",
                limits::TEXT_CHARS
            )));
        }
        let mut agent = self.registered(&name)?;
        let now = self.ports.clock.now();
        let retired = matches!(agent.life.stage, Stage::Retired(_));
        let Some(proposal) = agent.life.proposal.as_mut().filter(|proposal| proposal.is_open() && !retired)
        else {
            return Err(ChangeError::not_possible(&name, "it does not wait for approvers"));
        };
        let person = self.ports.people.person(&by);
        let group = may_answer(proposal, &agent.owner, &by, person.as_deref(), group)
            .map_err(|why| ChangeError::NotAllowed { by: by.clone(), why })?;
        let at = now;
        proposal.answers.push(ApproverAnswer {
            group: group.clone(),
            by: by.clone(),
            at,
            rationale: rationale.clone(),
        });
        let about = about_answer(&name, proposal, &group, approve, &rationale);
        self.record_agent(RegistryChange::AgentAnswered, Some(&by), about, now).await?;
        match (approve, proposal.is_open()) {
            (false, _) => self.refuse(agent, &by, now).await,
            (true, true) => self.keep(&agent).await.map(|()| agent),
            (true, false) => self.agree(agent, &by, now).await,
        }
    }

    async fn agree(&self, mut agent: Agent, by: &PersonName, now: Timestamp) -> Result<Agent, ChangeError> {
        let terms = agent.life.proposal.as_mut().and_then(|proposal| proposal.terms.take());
        if let Some(terms) = terms {
            return self.adopt(agent, terms, by, now).await;
        }
        let stage = agent
            .life
            .after(Event::Approve, &self.life_facts(&agent), now)
            .map_err(|why| ChangeError::not_possible(&agent.name, why.0))?;
        // Its approvers have just looked at it: the first certification runs from here.
        agent.life.certified = now;
        self.move_to(agent, stage, Some(by), now).await
    }

    async fn refuse(&self, mut agent: Agent, by: &PersonName, now: Timestamp) -> Result<Agent, ChangeError> {
        if agent.life.stage != Stage::Proposed {
            // The agent goes on as it was: only the change is refused.
            agent.life.proposal = None;
            return self.keep(&agent).await.map(|()| agent);
        }
        if let Some(proposal) = &mut agent.life.proposal {
            proposal.chain.clear();
        }
        let stage = agent
            .life
            .after(Event::Refuse, &self.life_facts(&agent), now)
            .map_err(|why| ChangeError::not_possible(&agent.name, why.0))?;
        self.move_to(agent, stage, Some(by), now).await
    }

    /// Puts new terms in force.
    pub(super) async fn adopt(
        &self,
        mut agent: Agent,
        terms: Terms,
        by: &PersonName,
        now: Timestamp,
    ) -> Result<Agent, ChangeError> {
        let changes = super::plan::differences(&agent, &terms);
        let narrows = super::plan::wider(&agent, &terms).is_empty();
        let Terms { purpose, tier, groups, charter } = terms;
        agent.purpose = purpose;
        agent.tier = tier;
        agent.groups = groups;
        agent.charter = charter;
        let about = Object::new()
            .with("agent", agent.name.as_str())
            .with("changes", changes)
            .with("tier", agent.tier.number())
            .with("charter", agent.charter.to_json());
        if narrows {
            // INVARIANT: a removal holds before it is recorded, a right is recorded before it exists.
            self.keep(&agent).await?;
        }
        self.record_agent(RegistryChange::AgentChanged, Some(by), about, now).await?;
        self.keep(&agent).await?;
        Ok(agent)
    }
}

/// The group that a person's answer counts for.
fn may_answer(
    proposal: &Proposal,
    owner: &PersonName,
    by: &PersonName,
    person: Option<&Person>,
    wanted: Option<GroupName>,
) -> Result<GroupName, String> {
    let person = person.ok_or("they are not declared as a person")?;
    if *by == proposal.by {
        return Err("they asked for it themselves".to_owned());
    }
    if by == owner {
        return Err("they own the agent".to_owned());
    }
    if let Some(answer) = proposal.answers.iter().find(|answer| answer.by == *by) {
        return Err(format!("they have answered for `{}`; each group needs another person", answer.group));
    }
    let open: Vec<&GroupName> = proposal.open().collect();
    let listed = || open.iter().map(|group| group.as_str()).collect::<Vec<_>>().join(", ");
    let mine = |group: &&&GroupName| {
        person.groups.contains(**group) && wanted.as_ref().is_none_or(|wanted| wanted == **group)
    };
    match open.iter().find(mine) {
        Some(group) => Ok((*group).clone()),
        None => Err(match wanted {
            Some(wanted) => format!("`{wanted}` is not asked, or they are not in it; asked are {}", listed()),
            None => format!("they are in none of the groups that are asked: {}", listed()),
        }),
    }
}

/// Texts of people in receipts are cut (`spec/receipt.md`); the whole one is in the registry.
fn clip(text: &str) -> String {
    match text.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn about_answer(
    name: &AgentName,
    proposal: &Proposal,
    group: &GroupName,
    approve: bool,
    rationale: &str,
) -> Object {
    Object::new()
        .with("agent", name.as_str())
        .with("group", group.as_str())
        .with("approve", approve)
        .with("rationale", clip(rationale))
        .with("open", proposal.open().map(|group| group.as_str()).collect::<Vec<_>>())
}
