//! One test of a policy set: who tries what, and what has to come of it. The clock is the case's own.
//! How cases are written down is the program's business; here they become requests and are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use placet_domain::{
    AccessRequest, Agent, AgentName, AgentStatus, Amount, Charter, ConnectorName, Decision, DenyCause, Drift,
    Flow, GroupName, Instance, InstanceId, Life, Mandate, Object, Observed, Operation, Person, PersonName,
    PolicyId, ResourceFacts, Tier, Timestamp, ToolCall, Usage, UsageName, Verdict,
};

use crate::Snapshot;

/// Who tries, in which run.
#[derive(Debug, Clone, PartialEq)]
pub struct Who {
    /// The agent.
    pub agent: AgentName,
    /// The person who answers for it.
    pub owner: PersonName,
    /// What it is for.
    pub purpose: String,
    /// Its tier.
    pub tier: Tier,
    /// Its groups.
    pub groups: Vec<GroupName>,
    /// What the run is for. `on_behalf_of` is taken from `user`.
    pub mandate: Mandate,
    /// The person acted for, with their groups.
    pub user: Option<Person>,
}

/// One call and what has to come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it shows, in words.
    pub name: String,
    /// The moment of the call.
    pub now: Timestamp,
    /// Who tries.
    pub who: Who,
    /// Where.
    pub connector: ConnectorName,
    /// What.
    pub operation: Operation,
    /// The request's `params`.
    pub params: Object,
    /// What resolvers would tell: by kind, then by id.
    pub resources: BTreeMap<String, BTreeMap<String, Object>>,
    /// What the run has done and read before the call. What is not here it has not; values of no source are made up.
    pub flow: Flow,
    /// What was used before the call, by the name of a usage. What is not here is nothing; limits have room.
    pub usage: BTreeMap<UsageName, Amount>,
    /// Gates that an approval lifts.
    pub lifted: Vec<PolicyId>,
    /// What has to come of it.
    pub expects: Expectation,
}

/// What has to come of a call. What is `None` is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// One of these verdicts.
    pub verdicts: Vec<ExpectedVerdict>,
    /// Exactly these policies decide: grants on `allow`, gates on `require_approval`, vetoes on `deny`.
    pub because: Option<BTreeSet<String>>,
    /// What the error says, in part. Without it a call that could not be judged fails its test.
    pub error: Option<String>,
    /// Exactly these kinds of obligations.
    pub obligations: Option<BTreeSet<String>>,
}

/// A verdict without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVerdict {
    /// It goes through.
    Allow,
    /// A person is asked.
    RequireApproval,
    /// It does not go through.
    Deny,
}

impl Case {
    /// The request that the gateway would judge.
    ///
    /// # Errors
    /// The call makes no sense, or its resource cannot be told; in words.
    pub fn request(&self, snapshot: &Snapshot) -> Result<AccessRequest, String> {
        let who = &self.who;
        let agent = Agent {
            name: who.agent.clone(),
            owner: who.owner.clone(),
            purpose: who.purpose.clone(),
            tier: who.tier,
            groups: who.groups.clone(),
            registered: self.now,
            status: AgentStatus::Active,
            charter: Charter::default(),
            life: Life::default(),
        };
        let instance = Instance {
            id: InstanceId::new(self.now, INSTANCE),
            agent: agent.name.clone(),
            mandate: Mandate {
                on_behalf_of: who.user.as_ref().map(|person| person.name.clone()),
                ..who.mandate.clone()
            },
            parent: None,
            started_by: who.owner.clone(),
            started: self.now,
            expires: self.now,
            revoked: None,
        };
        let call = ToolCall::new(self.connector.clone(), self.operation.clone(), self.params.clone())
            .map_err(|error| error.to_string())?;
        // An action that is not known, or a missing id, is the decision's to tell.
        let resource = snapshot.binding(&call).ok().flatten().map(|binding| binding.resource);
        let facts = resource.as_ref().and_then(|resource| {
            let attributes = self.resources.get(&resource.kind)?.get(&resource.id)?.clone();
            Some(ResourceFacts { attributes, fetched: self.now })
        });
        let flow = snapshot.supposed_flow(&self.flow, &call)?;
        let mut request = AccessRequest {
            now: self.now,
            agent: Arc::new(agent),
            instance: Arc::new(instance),
            user: who.user.clone().map(Arc::new),
            call,
            pin: None,
            resource,
            facts,
            flow,
            // An agent that does what it always does.
            observed: Observed { drift: Some(Drift::default()), hooks: Vec::new() },
            lifted: self.lifted.clone(),
            granted: Vec::new(),
            opinions: Vec::new(),
            usage: Usage { values: self.usage.clone(), ..Usage::default() },
        };
        for (name, _) in snapshot.usages(&request) {
            request.usage.values.entry(name).or_insert(Amount::ZERO);
        }
        Ok(request)
    }
}

impl Expectation {
    /// What a decision makes of it: every difference, in words; none if it is as expected.
    #[must_use]
    pub fn differences(&self, decision: &Decision) -> Vec<String> {
        let mut differences = Vec::new();
        let verdict = ExpectedVerdict::of(&decision.verdict);
        let error = match &decision.verdict {
            Verdict::Deny(DenyCause::Arguments(why) | DenyCause::Error(why)) => Some(why.as_str()),
            Verdict::Deny(
                DenyCause::Fields(_) | DenyCause::Limit(_) | DenyCause::NoGrant | DenyCause::Veto,
            )
            | Verdict::Allow
            | Verdict::RequireApproval(_) => None,
        };
        if !self.verdicts.contains(&verdict) {
            let expected: Vec<String> =
                self.verdicts.iter().map(|verdict| format!("`{}`", verdict.as_str())).collect();
            differences.push(format!("expected {}, got `{}`", expected.join(" or "), verdict.as_str()));
        }
        match (&self.error, error) {
            (None, Some(why)) => differences.push(format!("it could not be judged: {why}")),
            (Some(part), None) => differences.push(format!("expected an error with `{part}`, got none")),
            (Some(part), Some(why)) if !why.contains(part.as_str()) => {
                differences.push(format!("expected an error with `{part}`, got: {why}"));
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        let reasons: BTreeSet<String> =
            decision.reasons.iter().map(|reason| reason.policy.to_string()).collect();
        compare("because", self.because.as_ref(), &reasons, &mut differences);
        let kinds: BTreeSet<String> =
            decision.obligations.iter().map(|one| one.duty.kind().to_owned()).collect();
        compare("obligations", self.obligations.as_ref(), &kinds, &mut differences);
        differences
    }
}

fn compare(
    what: &str,
    expected: Option<&BTreeSet<String>>,
    found: &BTreeSet<String>,
    differences: &mut Vec<String>,
) {
    let Some(expected) = expected.filter(|expected| *expected != found) else { return };
    let listed = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    differences.push(format!("{what}: expected [{}], got [{}]", listed(expected), listed(found)));
}

impl ExpectedVerdict {
    /// The kind of a verdict.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self::Allow,
            Verdict::RequireApproval(_) => Self::RequireApproval,
            Verdict::Deny(_) => Self::Deny,
        }
    }

    /// The word for it, as in receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::RequireApproval => "require_approval",
            Self::Deny => "deny",
        }
    }
}

impl std::str::FromStr for ExpectedVerdict {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "allow" => Ok(Self::Allow),
            "require_approval" => Ok(Self::RequireApproval),
            "deny" => Ok(Self::Deny),
            other => Err(format!("`{other}` is not a verdict; use `allow`, `require_approval` or `deny`")),
        }
    }
}

/// The random part of a test's instance.
const INSTANCE: [u8; 10] = [7; 10];
