//! Tests beside policies, `policies/tests/*.toml`: read, and multiplied out. The format is in `docs/policies/working.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use placet_domain::{
    Amount, Flow, FlowEffect, GroupName, Json, Mandate, Number, Object, Operation, Person, PolicyId,
    Provenance, Source, Tier, Timestamp, UsageName,
};
use placet_policy::{Case, Expectation, Who};
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::{exit::Exit, failure::Failure};

/// A test and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The file.
    pub(crate) file: String,
    /// The line of its name, from 1.
    pub(crate) line: usize,
    /// The test.
    pub(crate) case: Case,
    /// Who and what, for a person who reads a failure.
    pub(crate) told: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    now: Option<Value>,
    #[serde(default)]
    who: BTreeMap<String, WhoEntry>,
    #[serde(default)]
    resource: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    test: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhoEntry {
    agent: Option<String>,
    owner: Option<String>,
    purpose: Option<String>,
    tier: Option<i64>,
    #[serde(default)]
    groups: Vec<String>,
    on_behalf_of: Option<String>,
    #[serde(default)]
    user_groups: Vec<String>,
    #[serde(default)]
    mandate: MandateEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MandateEntry {
    task: Option<String>,
    ticket: Option<String>,
    kind: Option<String>,
    purpose: Option<String>,
    #[serde(default)]
    scope: Vec<String>,
    facts: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    who: Value,
    call: Value,
    args: Option<Value>,
    now: Option<Value>,
    #[serde(default)]
    resource: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    history: BTreeMap<String, i64>,
    #[serde(default)]
    provenance: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    usage: BTreeMap<String, Value>,
    #[serde(default)]
    lifted: Vec<String>,
    verdict: Value,
    because: Option<Vec<String>>,
    gates: Option<Vec<String>>,
    error: Option<String>,
    obligations: Option<Vec<String>>,
}

/// Reads one file.
pub(crate) fn read(path: &Path) -> Result<Vec<Written>, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(Failure::of(format!("{shown} cannot be read")))?;
    parse(&shown, &text).map_err(|why| Failure::new(format!("{shown}: {why}")).with_exit(Exit::Usage))
}

/// Reads a text; `file` is for messages.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Written>, String> {
    let parsed: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let now = match &parsed.now {
        Some(now) => moment(now)?,
        None => DEFAULT_NOW,
    };
    let resources = resources(&parsed.resource)?;
    let mut people = BTreeMap::new();
    for (name, entry) in &parsed.who {
        people.insert(name.as_str(), who(name, entry).map_err(|why| format!("who.{name}: {why}"))?);
    }
    let mut all = Vec::new();
    for entry in &parsed.test {
        let line = text.get(..entry.name.span().start).unwrap_or_default().matches('\n').count() + 1;
        let scene = Scene { people: &people, resources: &resources, now };
        let written = scene.cases(entry).map_err(|why| format!("line {line}: {why}"))?;
        all.extend(written.into_iter().map(|(case, told)| Written {
            file: file.to_owned(),
            line,
            case,
            told,
        }));
    }
    Ok(all)
}

type Resources = BTreeMap<String, BTreeMap<String, Object>>;

/// What the tests of one file share.
struct Scene<'a> {
    people: &'a BTreeMap<&'a str, Who>,
    resources: &'a Resources,
    now: Timestamp,
}

impl Scene<'_> {
    /// Every combination of a test's callers, calls and arguments.
    fn cases(&self, entry: &Entry) -> Result<Vec<(Case, String)>, String> {
        let expects = expectation(entry)?;
        let (callers, calls) = (texts("who", &entry.who)?, texts("call", &entry.call)?);
        let arguments = match &entry.args {
            Some(Value::Array(all)) => all.iter().map(arguments).collect::<Result<Vec<_>, _>>()?,
            Some(one) => vec![arguments(one)?],
            None => vec![Object::new()],
        };
        let mut known = self.resources.clone();
        for (kind, of_kind) in resources(&entry.resource)? {
            known.entry(kind).or_default().extend(of_kind);
        }
        let now = entry.now.as_ref().map_or(Ok(self.now), moment)?;
        let lifted = entry.lifted.iter().map(|id| parsed::<PolicyId>(id)).collect::<Result<Vec<_>, _>>()?;
        let flow = flow(entry)?;
        let usage = entry.usage.iter().map(|(name, value)| amount(name, value)).collect::<Result<_, _>>();
        let usage: BTreeMap<UsageName, Amount> = usage?;
        let mut cases = Vec::new();
        for caller in &callers {
            let who = self.people.get(caller.as_str()).ok_or_else(|| {
                format!("there is no `[who.{caller}]`; there are {}", listed(self.people.keys().copied()))
            })?;
            for call in &calls {
                let (connector, operation) = operation(call)?;
                for arguments in &arguments {
                    let case = Case {
                        name: entry.name.get_ref().clone(),
                        now,
                        who: who.clone(),
                        connector: connector.clone(),
                        params: params(&operation, arguments),
                        operation: operation.clone(),
                        resources: known.clone(),
                        flow: flow.clone(),
                        usage: usage.clone(),
                        lifted: lifted.clone(),
                        expects: expects.clone(),
                    };
                    let told = format!("{caller} {call} {}", Json::Object(arguments.clone()).canonical());
                    cases.push((case, told));
                }
            }
        }
        Ok(cases)
    }
}

/// What the run of a test has done and read.
fn flow(entry: &Entry) -> Result<Flow, String> {
    let labels = entry.labels.iter().map(|label| parsed(label)).collect::<Result<_, _>>()?;
    let history = entry.history.iter().map(|(name, count)| Ok((parsed(name)?, *count)));
    let mut provenance = Provenance::default();
    for (word, paths) in &entry.provenance {
        let source = Source::ALL.into_iter().find(|source| source.as_str() == word).ok_or_else(|| {
            format!(
                "`{word}` is no source of values; there are {}",
                listed(Source::ALL.map(Source::as_str).into_iter())
            )
        })?;
        paths.iter().for_each(|path| provenance.put(path, source));
    }
    Ok(Flow {
        labels: Some(labels),
        history: Some(history.collect::<Result<_, String>>()?),
        provenance: Some(provenance),
        effect: FlowEffect::default(),
    })
}

fn expectation(entry: &Entry) -> Result<Expectation, String> {
    let set = |names: &Vec<String>| names.iter().cloned().collect::<BTreeSet<_>>();
    let because = match (&entry.because, &entry.gates) {
        (Some(_), Some(_)) => return Err("`because` and `gates` say the same: write one".to_owned()),
        (because, gates) => because.as_ref().or(gates.as_ref()).map(set),
    };
    let verdicts = texts("verdict", &entry.verdict)?;
    if entry.gates.is_some() && verdicts != ["require_approval"] {
        return Err("`gates` belongs to `verdict = \"require_approval\"`; write `because`".to_owned());
    }
    Ok(Expectation {
        verdicts: verdicts.iter().map(|verdict| verdict.parse()).collect::<Result<_, _>>()?,
        because,
        error: entry.error.clone(),
        obligations: entry.obligations.as_ref().map(set),
    })
}

fn who(name: &str, entry: &WhoEntry) -> Result<Who, String> {
    let user = match &entry.on_behalf_of {
        Some(person) => Some(Person { name: parsed(person)?, groups: groups(&entry.user_groups)? }),
        None if entry.user_groups.is_empty() => None,
        None => return Err("`user_groups` without `on_behalf_of`".to_owned()),
    };
    let mandate = &entry.mandate;
    Ok(Who {
        agent: parsed(entry.agent.as_deref().unwrap_or(name))?,
        owner: parsed(entry.owner.as_deref().unwrap_or(OWNER))?,
        purpose: entry.purpose.clone().unwrap_or_else(|| "a test".to_owned()),
        tier: tier(entry.tier.unwrap_or(1))?,
        groups: groups(&entry.groups)?,
        mandate: Mandate {
            task: mandate.task.clone(),
            ticket: mandate.ticket.clone(),
            facts: mandate.facts.as_ref().map_or_else(|| Ok(Object::new()), object)?,
            kind: mandate.kind.as_deref().map(parsed).transpose()?,
            purpose: mandate.purpose.clone(),
            scope: mandate.scope.clone(),
            ..Mandate::default()
        },
        user,
    })
}

/// An agent of the registry that tries something, for nobody and without a ticket.
pub(crate) fn of_agent(agent: &placet_domain::Agent, now: Timestamp) -> Option<Case> {
    Some(Case {
        name: "a question".to_owned(),
        now,
        who: Who {
            agent: agent.name.clone(),
            owner: agent.owner.clone(),
            purpose: agent.purpose.clone(),
            tier: agent.tier,
            groups: agent.groups.clone(),
            mandate: Mandate::default(),
            user: None,
        },
        connector: parsed("any").ok()?,
        operation: Operation::Complete,
        params: Object::new(),
        resources: BTreeMap::new(),
        flow: Flow::default(),
        usage: BTreeMap::new(),
        lifted: Vec::new(),
        expects: Expectation { verdicts: Vec::new(), because: None, error: None, obligations: None },
    })
}

/// A tier by its number.
pub(crate) fn tier(number: i64) -> Result<Tier, String> {
    parsed(&number.to_string())
}

fn groups(names: &[String]) -> Result<Vec<GroupName>, String> {
    names.iter().map(|name| parsed(name)).collect()
}

/// A name or id from its text.
pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// `crm.update_deal`, or a connector and an MCP method such as `crm.resources/read`.
pub(crate) fn operation(call: &str) -> Result<(placet_domain::ConnectorName, Operation), String> {
    let (connector, name) =
        call.split_once('.').ok_or_else(|| format!("`{call}`: write `<connector>.<tool>`"))?;
    let method = Operation::METHODS.into_iter().find(|method| method.method() == name);
    let operation = match method {
        Some(method) => method,
        None => Operation::Tool(parsed(name)?),
    };
    Ok((parsed(connector)?, operation))
}

/// The request's `params` for these arguments.
pub(crate) fn params(operation: &Operation, arguments: &Object) -> Object {
    match operation {
        Operation::Tool(tool) => {
            Object::new().with("name", tool.as_str()).with("arguments", arguments.clone())
        }
        _ => arguments.clone(),
    }
}

fn texts(key: &str, value: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("`{key}` is a text or an array of texts");
    match value {
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(all) => {
            all.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

/// Arguments as a table, or as the JSON text that an agent sends.
fn arguments(value: &Value) -> Result<Object, String> {
    match value {
        Value::String(text) => json_object(text).map_err(|why| format!("`args`: {why}")),
        other => object(other),
    }
}

/// An object from strict JSON.
pub(crate) fn json_object(text: &str) -> Result<Object, String> {
    let json = Json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    json.as_object().cloned().ok_or_else(|| format!("it is {}, not an object", json.kind()))
}

fn resources(written: &BTreeMap<String, BTreeMap<String, Value>>) -> Result<Resources, String> {
    let of_kind = |(kind, all): (&String, &BTreeMap<String, Value>)| {
        let all = all.iter().map(|(id, facts)| Ok((id.clone(), object(facts)?)));
        Ok((kind.clone(), all.collect::<Result<_, String>>()?))
    };
    written.iter().map(of_kind).collect()
}

fn object(value: &Value) -> Result<Object, String> {
    match value {
        Value::Table(table) => {
            table.iter().try_fold(Object::new(), |all, (name, value)| Ok(all.with(name, json(value)?)))
        }
        Value::String(text) => json_object(text),
        _ => Err("write a table, or JSON in a text".to_owned()),
    }
}

fn json(value: &Value) -> Result<Json, String> {
    Ok(match value {
        Value::String(text) => Json::from(text.as_str()),
        Value::Integer(number) => Json::Number(Number::Integer(*number)),
        Value::Float(number) => Json::Number(Number::Fraction(*number)),
        Value::Boolean(truth) => Json::Bool(*truth),
        Value::Datetime(moment) => return Err(format!("`{moment}`: JSON has no dates, write a text")),
        Value::Array(all) => Json::Array(all.iter().map(json).collect::<Result<_, _>>()?),
        Value::Table(_) => Json::Object(object(value)?),
    })
}

fn amount(name: &str, value: &Value) -> Result<(UsageName, Amount), String> {
    let Json::Number(number) = json(value)? else { return Err(format!("usage `{name}` is no number")) };
    let amount = Amount::of_number(number).ok_or_else(|| format!("usage `{name}` is no amount"))?;
    Ok((parsed(name)?, amount))
}

fn moment(value: &Value) -> Result<Timestamp, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Datetime(moment) => moment.to_string(),
        _ => return Err("`now` is a moment, for example 2026-11-22T10:00:00Z".to_owned()),
    };
    parsed(&text)
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Thursday, 2026-01-15T10:00:00Z.
const DEFAULT_NOW: Timestamp = Timestamp::from_micros(1_768_471_200_000_000);
/// The owner of an agent of which a test says none.
const OWNER: &str = "owner";

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
now = 2026-11-22T10:00:00Z
[who.reader]
groups = ["crm-agents"]
[who.for-dana]
agent = "deal-agent"
tier = 2
on_behalf_of = "dana"
mandate = { ticket = "TCK-1", facts = { customers = ["c-1"] } }
[resource.Deal.789]
owner = "dana"

[[test]]
name = "reading is open to all"
who = ["reader", "for-dana"]
call = ["crm.get_deal", "crm.resources/read"]
args = [{ deal_id = "789" }, '{"deal_id":null}']
verdict = "allow"
"#;

    #[test]
    fn a_matrix_is_multiplied_out_in_order() {
        let cases = parse("a.toml", FILE).unwrap();
        assert_eq!(cases.len(), 8);
        assert_eq!(cases[0].line, 14);
        assert_eq!(cases[0].told, r#"reader crm.get_deal {"deal_id":"789"}"#);
        assert_eq!(cases[7].told, r#"for-dana crm.resources/read {"deal_id":null}"#);
        let case = &cases[7].case;
        assert_eq!(case.who.agent.as_str(), "deal-agent");
        assert_eq!(case.who.mandate.ticket.as_deref(), Some("TCK-1"));
        assert_eq!(case.resources["Deal"]["789"], Object::new().with("owner", "dana"));
        assert_eq!(case.now.to_string(), "2026-11-22T10:00:00Z");
        assert!(
            case.params.member("arguments").is_none() && cases[0].case.params.member("arguments").is_some()
        );
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (from, to, told) in [
            (
                "\"reader\", ",
                "\"redaer\", ",
                "line 14: there is no `[who.redaer]`; there are `for-dana`, `reader`",
            ),
            ("verdict = \"allow\"", "verdict = \"alow\"", "`alow` is not a verdict"),
            ("verdict = \"allow\"", "verdict = \"allow\"\nbecuase = []", "unknown field `becuase`"),
            ("verdict = \"allow\"", "verdict = \"allow\"\ngates = []", "write `because`"),
            ("crm.get_deal", "get_deal", "write `<connector>.<tool>`"),
            ("tier = 2", "tier = 4", "who.for-dana: `4` is not a tier"),
        ] {
            let text = FILE.replacen(from, to, 1);
            let why = parse("a.toml", &text).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
    }
}
