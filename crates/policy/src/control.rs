//! Who may do what over the control API: Cedar again, with a small schema of its own. One action a route, one entity for
//! the thing it is about. The rules that ship are `policies/control.cedar`; ARCHITECTURE.md, "People".

mod entities;
mod role;

use std::fmt::Write;

use cedar_policy::{
    Authorizer, Context, Decision, EntityUid, Policy, PolicyId, PolicySet, Request, Schema, Validator,
};
use placet_domain::{GroupName, Person, PersonName, Timestamp};

pub use role::{Role, UnknownRole};

use crate::load::{Loader, on_a_stack_of_its_own};
use crate::parsed::annotation;
use crate::rule::{Class, Rule};
use crate::{Finding, LoadErrors, PolicySource};

/// The rules that ship with the program.
const BUILT_IN: &str = include_str!("../policies/control.cedar");

/// What a route does, in the words of the rules: a group of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControlGroup {
    /// Changes the deployment or who may use it.
    Administer,
    /// Answers a question.
    Answer,
    /// Asks for an agent to be registered.
    Propose,
    /// Shows something.
    Read,
    /// Lets something go on that was stopped.
    Resume,
    /// Starts a run of an agent, or gives somebody what it takes to.
    Run,
    /// Looks after an agent: certifies, shrinks, hands over, retires.
    Steward,
    /// Stops something.
    Stop,
}

/// The kind of thing a route is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThingKind {
    /// A registered or proposed agent.
    Agent,
    /// A question about a call.
    Approval,
    /// An upstream system.
    Connector,
    /// The whole.
    Deployment,
    /// A run of an agent.
    Instance,
}

/// A route, as the rules know it.
#[derive(Debug, Clone, Copy)]
pub struct ControlAction {
    /// Its name: `agents.certify`.
    pub id: &'static str,
    /// What it does.
    pub group: ControlGroup,
    /// What it may be about.
    pub about: &'static [ThingKind],
}

/// The thing a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Its kind.
    pub kind: ThingKind,
    /// Its name or id.
    pub id: String,
    /// Who answers for it: owner and backup owner. Empty if nobody does, or if there is no such thing.
    pub owners: Vec<PersonName>,
    /// The groups that are asked about it.
    pub approvers: Vec<GroupName>,
    /// The tier of the agent it belongs to.
    pub tier: Option<i64>,
}

impl Thing {
    /// A thing that nobody owns.
    #[must_use]
    pub fn unowned(kind: ThingKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into(), owners: Vec::new(), approvers: Vec::new(), tier: None }
    }

    /// The whole.
    #[must_use]
    pub fn deployment() -> Self {
        Self::unowned(ThingKind::Deployment, "here")
    }
}

/// The rules for people, checked and ready.
#[derive(Debug)]
pub struct ControlPolicy {
    schema: Schema,
    text: String,
    rules: Vec<(Policy, Option<Timestamp>)>,
    whole: PolicySet,
}

impl ControlPolicy {
    /// The rules that ship with the program, for these routes.
    ///
    /// # Errors
    /// See [`ControlPolicy::load`].
    pub fn built_in(actions: &[ControlAction]) -> Result<Self, LoadErrors> {
        let source = PolicySource { name: "control.cedar".to_owned(), text: BUILT_IN.to_owned() };
        Self::load(&[source], actions)
    }

    /// An operator's own rules, for these routes.
    ///
    /// # Errors
    /// Every finding of parser, lint and strict validation. A rule that can never fire is one, and so is a gate: nobody
    /// could lift it.
    pub fn load(sources: &[PolicySource], actions: &[ControlAction]) -> Result<Self, LoadErrors> {
        on_a_stack_of_its_own(|| read(sources, actions))
    }

    /// The schema that rules are validated against, for people and their editors.
    #[must_use]
    pub fn schema_text(&self) -> &str {
        &self.text
    }

    /// Whether this person, with these roles, may do this to that.
    ///
    /// # Errors
    /// Why not, in words for the person. A rule that cannot be evaluated denies whatever the others say.
    pub fn may(
        &self,
        person: &Person,
        roles: &[Role],
        action: &str,
        thing: &Thing,
        now: Timestamp,
    ) -> Result<(), String> {
        let principal = entities::person_uid(&person.name);
        let resource = entities::thing_uid(thing);
        let entities = entities::of_request(person, roles, thing, &self.schema)?;
        let action = entities::uid("Action", action);
        let request = Request::new(principal, action.clone(), resource, Context::empty(), Some(&self.schema))
            .map_err(|error| error.to_string())?;
        let expired = |(_, ends): &&(Policy, Option<Timestamp>)| ends.is_some_and(|ends| ends <= now);
        let lasting = match self.rules.iter().find(expired) {
            None => None,
            Some(_) => {
                let lasting =
                    self.rules.iter().filter(|rule| !expired(rule)).map(|(policy, _)| policy.clone());
                Some(PolicySet::from_policies(lasting).map_err(|error| error.to_string())?)
            }
        };
        let set = lasting.as_ref().unwrap_or(&self.whole);
        let answer = Authorizer::new().is_authorized(&request, set, &entities);
        if let Some(error) = answer.diagnostics().errors().next() {
            return Err(format!("a rule for people could not be evaluated: {error}"));
        }
        match answer.decision() {
            Decision::Allow => Ok(()),
            Decision::Deny => Err(self.why(person, roles, &action, answer.diagnostics().reason())),
        }
    }

    fn why<'a>(
        &self,
        person: &Person,
        roles: &[Role],
        action: &EntityUid,
        mut forbidding: impl Iterator<Item = &'a PolicyId>,
    ) -> String {
        if let Some(id) = forbidding.next() {
            let policy = self.rules.iter().map(|(policy, _)| policy).find(|policy| policy.id() == id);
            let why = policy.and_then(|policy| annotation(policy, "reason"));
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            return format!("rule `{id}` forbids it{why}");
        }
        let held: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let held = if held.is_empty() { "no role".to_owned() } else { held.join(", ") };
        format!("no rule lets `{}` ({held}) do `{}` here", person.name, action.id().unescaped())
    }
}

fn read(sources: &[PolicySource], actions: &[ControlAction]) -> Result<ControlPolicy, LoadErrors> {
    let text = schema(actions);
    let read_schema = || Schema::from_cedarschema_str(&text).map(|(schema, _)| schema);
    let schema = read_schema().map_err(|error| {
        LoadErrors::new(vec![Finding::of_config(error.to_string(), "look at the names of the routes")])
    })?;
    let mut loader = Loader::default();
    let read = loader.read_all(sources);
    loader.validate(&read, &Validator::new(schema.clone()));
    let mut findings = loader.into_findings();
    let mut rules = Vec::new();
    for one in read {
        match one.rule.class {
            Class::Grant { expires } => rules.push((one.policy, expires)),
            Class::Veto => rules.push((one.policy, None)),
            Class::Gate(_) | Class::Duty(_) | Class::Limit(_) => findings.push(gate(&one.rule)),
        }
    }
    if !findings.is_empty() {
        return Err(LoadErrors::new(findings));
    }
    let whole =
        PolicySet::from_policies(rules.iter().map(|(policy, _)| policy.clone())).map_err(|error| {
            LoadErrors::new(vec![Finding::of_config(error.to_string(), "give each policy an id of its own")])
        })?;
    Ok(ControlPolicy { schema, text, rules, whole })
}

fn gate(rule: &Rule) -> Finding {
    Finding::of_config(
        format!("`{}` has `@unless`, and there is nobody to lift it here", rule.id),
        "write a plain `forbid`",
    )
}

fn schema(actions: &[ControlAction]) -> String {
    let mut text = String::from("entity Group;\nentity Role in [Role];\nentity Person in [Group, Role];\n");
    for kind in ThingKind::ALL {
        let attributes = "owners: Set<Person>, approvers: Set<Group>, tier?: Long";
        line(&mut text, &format!("entity {} {{ {attributes} }};", kind.as_str()));
    }
    let groups: Vec<String> = ControlGroup::ALL.iter().map(|group| format!("{:?}", group.as_str())).collect();
    line(&mut text, &format!("action {};", groups.join(", ")));
    for action in actions {
        let about: Vec<&str> = action.about.iter().map(|kind| kind.as_str()).collect();
        line(
            &mut text,
            &format!(
                "action {:?} in [{:?}] appliesTo {{ principal: [Person], resource: [{}], context: {{}} }};",
                action.id,
                action.group.as_str(),
                about.join(", ")
            ),
        );
    }
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

impl ControlGroup {
    const ALL: [Self; 8] = [
        Self::Administer,
        Self::Answer,
        Self::Propose,
        Self::Read,
        Self::Resume,
        Self::Run,
        Self::Steward,
        Self::Stop,
    ];

    /// As rules write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administer => "administer",
            Self::Answer => "answer",
            Self::Propose => "propose",
            Self::Read => "read",
            Self::Resume => "resume",
            Self::Run => "run",
            Self::Steward => "steward",
            Self::Stop => "stop",
        }
    }
}

impl ThingKind {
    const ALL: [Self; 5] = [Self::Agent, Self::Approval, Self::Connector, Self::Deployment, Self::Instance];

    /// As rules write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "Agent",
            Self::Approval => "Approval",
            Self::Connector => "Connector",
            Self::Deployment => "Deployment",
            Self::Instance => "Instance",
        }
    }
}

#[cfg(test)]
mod tests;
