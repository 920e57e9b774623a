//! The solver's odd little world as a call that somebody could make: a test, ready for `placet policy test`.
//! What the gateway works out itself (times, domains, bound resources) is put where it comes from; whether the test
//! then shows what the solver found is tried, and told.

use std::collections::BTreeMap;

use cedar_policy::{EntityUid, EvalResult};
use cedar_policy_symcc::Env;
use placet_domain::{
    Amount, ConnectorName, Flow, GroupName, Json, Mandate, Number, Object, Operation, Person, PersonName,
    Tier, Timestamp, UsageName,
};
use placet_policy::{Case, Expectation, ExpectedVerdict, Who};

use crate::Rules;

/// A call that shows what a check denies.
#[derive(Debug, Clone, PartialEq)]
pub struct Counterexample {
    /// The call, with the verdict that it should have: as a test it fails until the policies are mended.
    pub case: Case,
    /// The test was run and fails as it should.
    pub confirmed: bool,
}

/// Makes a test of what the solver found.
pub(crate) fn of(
    found: &Env,
    rules: &Rules,
    name: String,
    expected: Vec<ExpectedVerdict>,
) -> Result<Counterexample, String> {
    let mut case = Reader { found, rules }.case(name, expected)?;
    let snapshot = rules.workbench.snapshot();
    let request = case.request(snapshot).or_else(|_| {
        // The solver may have named arguments that the call does not have.
        case.flow.provenance = None;
        case.request(snapshot)
    })?;
    let decision = snapshot.decide(&request);
    let confirmed = !case.expects.differences(&decision).is_empty();
    Ok(Counterexample { case, confirmed })
}

struct Reader<'a> {
    found: &'a Env,
    rules: &'a Rules,
}

impl Reader<'_> {
    fn case(&self, name: String, verdicts: Vec<ExpectedVerdict>) -> Result<Case, String> {
        let action = self.found.request.action().ok_or("no action")?.id().unescaped().to_owned();
        let (connector, tool) = action.split_once('.').ok_or("an action that no call has")?;
        let connector: ConnectorName = parsed(connector)?;
        let operation = match Operation::METHODS.into_iter().find(|method| method.method() == tool) {
            Some(method) => method,
            None => Operation::Tool(parsed(tool)?),
        };
        let arguments = self.arguments(&connector, &operation)?;
        let params = match &operation {
            Operation::Tool(tool) => Object::new().with("name", tool.as_str()).with("arguments", arguments),
            _ => arguments,
        };
        Ok(Case {
            name,
            now: self.now(),
            who: self.who()?,
            connector,
            operation,
            params,
            resources: self.resources(),
            flow: self.flow(),
            usage: self.usage(),
            lifted: Vec::new(),
            expects: Expectation { verdicts, because: None, error: None, obligations: None },
        })
    }

    fn context(&self, name: &str) -> Option<EvalResult> {
        self.found.request.context()?.get(name)
    }

    fn attribute(&self, of: &EntityUid, name: &str) -> Option<EvalResult> {
        self.found.entities.get(of)?.attr(name)?.ok()
    }

    fn groups(&self, of: &EntityUid) -> Result<Vec<GroupName>, String> {
        let above = self.found.entities.ancestors(of).into_iter().flatten();
        let mut groups: Vec<String> = above
            .filter(|one| one.type_name().to_string() == "Group")
            .map(|one| plain(one.id().unescaped()))
            .collect();
        groups.sort();
        groups.iter().map(|group| parsed(group)).collect()
    }

    fn who(&self) -> Result<Who, String> {
        let agent = self.found.request.principal().ok_or("no principal")?;
        let tier = match self.attribute(agent, "tier") {
            Some(EvalResult::Long(tier)) => parsed::<Tier>(&tier.to_string())?,
            _ => Tier::Two,
        };
        let owner = match self.attribute(agent, "owner") {
            Some(EvalResult::EntityUid(owner)) => person(&owner)?,
            _ => parsed("owner")?,
        };
        let purpose = self.attribute(agent, "purpose").and_then(text).unwrap_or_default();
        let user = match self.context("user") {
            Some(EvalResult::EntityUid(user)) => {
                Some(Person { name: person(&user)?, groups: self.groups(&user)? })
            }
            _ => None,
        };
        Ok(Who {
            agent: parsed(&plain(agent.id().unescaped()))?,
            owner,
            purpose,
            tier,
            groups: self.groups(agent)?,
            mandate: self.mandate()?,
            user,
        })
    }

    fn mandate(&self) -> Result<Mandate, String> {
        let Some(EvalResult::Record(mandate)) = self.context("mandate") else {
            return Ok(Mandate::default());
        };
        let member = |name: &str| mandate.get(name).cloned().and_then(text);
        let scope = match mandate.get("scope") {
            Some(EvalResult::Set(scope)) => scope.iter().cloned().filter_map(text).collect(),
            _ => Vec::new(),
        };
        let facts = match mandate.get("facts").and_then(json) {
            Some(Json::Object(facts)) => facts,
            _ => Object::new(),
        };
        Ok(Mandate {
            task: member("task"),
            ticket: member("ticket"),
            facts,
            kind: member("kind").map(|kind| parsed(&plain(&kind))).transpose()?,
            purpose: member("purpose"),
            scope,
            ..Mandate::default()
        })
    }

    /// The arguments, with what the gateway reads out of them put back in.
    fn arguments(&self, connector: &ConnectorName, operation: &Operation) -> Result<Object, String> {
        let mut arguments = match self.context("input").as_ref().and_then(json) {
            Some(Json::Object(arguments)) => arguments,
            _ => Object::new(),
        };
        if let Some(EvalResult::Set(unknown)) = self.context("input_unknown") {
            for path in unknown.iter().cloned().filter_map(text).filter(|path| !path.contains('.')) {
                if !path.is_empty() && arguments.member(&path).is_none() {
                    arguments.set(&path, true);
                }
            }
        }
        if let Some(EvalResult::Set(domains)) = self.context("to_domains") {
            // What is no plain address stands for itself among the domains.
            let domains: Vec<Json> = domains.iter().cloned().filter_map(text).map(Json::from).collect();
            for name in ["bcc", "cc", "recipients", "to"] {
                if matches!(arguments.member(name), Some(Json::Array(_))) {
                    let filled = if name == "to" { domains.clone() } else { Vec::new() };
                    arguments.set(name, Json::Array(filled));
                }
            }
        }
        let resource = self.found.request.resource().ok_or("no resource")?;
        let bindings = self.rules.config.connectors.iter().find(|one| one.name == *connector);
        let bindings = bindings.map(|one| one.bindings.as_slice()).unwrap_or_default();
        let binding = bindings
            .iter()
            .find(|binding| matches!(operation, Operation::Tool(tool) if binding.tools.contains(tool)));
        if let Some(binding) = binding {
            if resource.type_name().to_string() == binding.kind {
                let id = match arguments.member(&binding.argument) {
                    Some(Json::Number(_)) => {
                        Json::Number(Number::Integer(parsed(resource.id().unescaped())?))
                    }
                    _ => Json::from(resource.id().unescaped()),
                };
                arguments.set(&binding.argument, id);
            } else {
                arguments.remove(&binding.argument);
            }
        }
        Ok(arguments)
    }

    fn resources(&self) -> BTreeMap<String, BTreeMap<String, Object>> {
        let Some(resource) = self.found.request.resource() else { return BTreeMap::new() };
        let kind = resource.type_name().to_string();
        let mut bindings = self.rules.config.connectors.iter().flat_map(|connector| &connector.bindings);
        let Some(binding) = bindings.find(|binding| binding.kind == kind) else {
            return BTreeMap::new();
        };
        let facts = binding.attributes.keys().fold(Object::new(), |all, name| {
            all.with_some(name, self.attribute(resource, name).as_ref().and_then(json))
        });
        BTreeMap::from([(kind, BTreeMap::from([(resource.id().unescaped().to_owned(), facts)]))])
    }

    /// What the run has done and read.
    fn flow(&self) -> Flow {
        let told = ["labels", "history", "provenance"].into_iter().fold(Object::new(), |told, name| {
            told.with_some(name, self.context(name).as_ref().and_then(json))
        });
        Flow::of_json(&told.into())
    }

    fn usage(&self) -> BTreeMap<UsageName, Amount> {
        let Some(EvalResult::Record(usage)) = self.context("usage") else { return BTreeMap::new() };
        let amount = |(name, value): (&String, &EvalResult)| match json(value)? {
            Json::Number(number) => Some((name.parse().ok()?, Amount::of_number(number)?)),
            _ => None,
        };
        usage.iter().filter_map(amount).collect()
    }

    /// A moment at which the weekday and the minute are those of the solver.
    fn now(&self) -> Timestamp {
        let Some(EvalResult::Record(time)) = self.context("time") else { return DEFAULT_NOW };
        let long = |name: &str| match time.get(name) {
            Some(EvalResult::Long(value)) => *value,
            _ => 0,
        };
        let told = match time.get("now") {
            Some(EvalResult::ExtensionValue(text)) => quoted(text).and_then(|text| text.parse().ok()),
            _ => None,
        };
        let snapshot = self.rules.workbench.snapshot();
        snapshot
            .moment_like(told.unwrap_or(DEFAULT_NOW), long("weekday"), long("minute_of_day"))
            .unwrap_or(DEFAULT_NOW)
    }
}

fn person(uid: &EntityUid) -> Result<PersonName, String> {
    parsed(&plain(uid.id().unescaped()))
}

/// A name that people could have chosen: the solver likes `""`.
fn plain(id: &str) -> String {
    match id.parse::<PersonName>() {
        Ok(_) => id.to_owned(),
        Err(_) => {
            let letters: String = id.bytes().take(20).map(|byte| format!("{byte:02x}")).collect();
            format!("anybody{letters}")
        }
    }
}

fn text(value: EvalResult) -> Option<String> {
    match value {
        EvalResult::String(text) => Some(text),
        _ => None,
    }
}

fn json(value: &EvalResult) -> Option<Json> {
    Some(match value {
        EvalResult::Bool(truth) => Json::Bool(*truth),
        EvalResult::Long(number) => Json::Number(Number::Integer(*number)),
        EvalResult::String(text) => Json::from(text.as_str()),
        EvalResult::EntityUid(uid) => Json::from(plain(uid.id().unescaped())),
        EvalResult::Set(all) => Json::Array(all.iter().filter_map(json).collect()),
        EvalResult::Record(members) => Json::Object(
            members.iter().fold(Object::new(), |all, (name, value)| all.with_some(name, json(value))),
        ),
        EvalResult::ExtensionValue(text) => Json::Number(Number::Fraction(quoted(text)?.parse().ok()?)),
    })
}

/// The first quoted text of a constructor such as `decimal("0.1")`.
fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Thursday, 2026-01-15T10:00:00Z.
const DEFAULT_NOW: Timestamp = Timestamp::from_micros(1_768_471_200_000_000);
