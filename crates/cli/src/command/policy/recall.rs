//! A past decision as a test: what its receipt holds, and what only the caller can give. The payload that is given is
//! compared with the receipt's commitment wherever that can still be opened.

use std::{collections::BTreeMap, path::Path};

use clap::Args;
use placet_domain::{Flow, GroupName, Json, Mandate, Object, Opening, Person, Timestamp};
use placet_policy::{Case, Expectation, Who, Workbench};

use super::cases::{json_object, operation, params, parsed, tier};
use crate::{
    archive::{Archive, Entry, Log, is_about},
    context::Context,
    exit::Exit,
    failure::Failure,
    print::list,
};

/// What receipts do not hold.
#[derive(Debug, Default, Args)]
pub(crate) struct Given {
    /// The call's arguments, as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) args: Option<String>,
    /// The whole `params` of the request, as JSON: what the receipt commits to
    #[arg(long, value_name = "JSON", conflicts_with = "args")]
    pub(crate) params: Option<String>,
    /// What the resolver told of the resource, as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) facts: Option<String>,
    /// The mandate's facts, as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) mandate_facts: Option<String>,
    /// A group of the person acted for (may be given again)
    #[arg(long = "user-group", value_name = "GROUP")]
    pub(crate) user_groups: Vec<GroupName>,
}

/// A decision receipt, and where it stands.
pub(crate) struct Recalled {
    pub(crate) receipt: Json,
    index: u64,
    /// The receipt by which the agent was registered, if the log holds it.
    registered: Option<Json>,
}

/// Whether the payload is the one that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// The commitment opens to it.
    Proved,
    /// The opening was erased or is not here.
    Closed,
}

impl Recalled {
    /// Finds the decision that a receipt or a call is about. What is found has been verified.
    pub(crate) fn find(id: &str, log: &Log, context: &Context) -> Result<Self, Failure> {
        let (keys, dir) = (log.keys(context)?, log.dir(context));
        let first = Archive::read(&dir, &keys, |leaf| is_about(leaf, id))?.found;
        let call = first.iter().filter_map(json).find_map(|(_, leaf)| text(&leaf, "call").map(str::to_owned));
        let call = call.ok_or_else(|| {
            Failure::new(format!("no decision of `{id}` in {}", dir.display())).with_exit(Exit::NotFound)
        })?;
        let wanted = |leaf: &[u8]| is_about(leaf, &call) || holds(leaf, b"\"agent_registered\"");
        let found: Vec<(u64, Json)> =
            Archive::read(&dir, &keys, wanted)?.found.iter().filter_map(json).collect();
        let is_decision = |(_, leaf): &&(u64, Json)| {
            text(leaf, "kind") == Some("decision") && text(leaf, "call") == Some(call.as_str())
        };
        let (index, receipt) = found.iter().find(is_decision).cloned().ok_or_else(|| {
            Failure::new(format!("`{call}` left no decision receipt")).with_exit(Exit::NotFound)
        })?;
        let registered = found
            .iter()
            .rfind(|(at, leaf)| {
                let about = leaf.member("about");
                *at < index && about.and_then(|about| text(about, "agent")) == text(&receipt, "agent")
            })
            .map(|(_, leaf)| leaf.clone());
        Ok(Self { receipt, index, registered })
    }

    /// The decision as a case, with what was given.
    pub(crate) fn case(
        &self,
        given: &Given,
        workbench: &Workbench,
        log: &Log,
        context: &Context,
    ) -> Result<(Case, Payload), Failure> {
        let usage = |why: String| Failure::new(why).with_exit(Exit::Usage);
        let (mut case, args_given) = self.read(given).map_err(usage)?;
        let payload = self.compare(&case.params, args_given, &log.dir(context))?;
        put_facts(&mut case, given.facts.as_deref(), workbench).map_err(usage)?;
        Ok((case, payload))
    }

    fn read(&self, given: &Given) -> Result<(Case, bool), String> {
        let receipt = &self.receipt;
        let needs = |key: &str| {
            text(receipt, key).ok_or_else(|| format!("the receipt has no `{key}`: nothing was judged"))
        };
        let (connector, operation) = operation(&format!("{}.{}", needs("connector")?, needs("operation")?))?;
        let params = match (&given.params, &given.args) {
            (Some(params), _) => json_object(params).map_err(|why| format!("`--params`: {why}"))?,
            (None, Some(args)) => {
                params(&operation, &json_object(args).map_err(|why| format!("`--args`: {why}"))?)
            }
            (None, None) => {
                return Err(
                    "receipts commit to arguments and do not hold them\n  next: give them with `--args`, or \
                            the whole `params` with `--params`"
                        .to_owned(),
                );
            }
        };
        let micros = receipt.member("time_us").and_then(Json::as_integer).ok_or("the receipt has no time")?;
        let error = text(receipt, "error").map(str::to_owned);
        let reasons = list(receipt, "reasons").iter().filter_map(Json::as_str).map(str::to_owned);
        let kinds = list(receipt, "obligations").iter().filter_map(Json::as_str).map(str::to_owned);
        let used = receipt.member("approval").filter(|approval| text(approval, "state") == Some("consumed"));
        let lifted = used.map(|approval| list(approval, "gates")).unwrap_or_default();
        let case = Case {
            name: format!("as decided in {}", needs("id")?),
            now: Timestamp::from_micros(micros),
            who: self.who(given)?,
            connector,
            operation,
            params,
            resources: BTreeMap::new(),
            flow: receipt.member("flow").map(Flow::of_json).unwrap_or_default(),
            usage: BTreeMap::new(),
            lifted: lifted.iter().filter_map(Json::as_str).map(parsed).collect::<Result<_, _>>()?,
            expects: Expectation {
                verdicts: vec![needs("verdict")?.parse()?],
                because: error.is_none().then(|| reasons.collect()),
                error,
                obligations: Some(kinds.collect()),
            },
        };
        Ok((case, given.params.is_none()))
    }

    fn who(&self, given: &Given) -> Result<Who, String> {
        let receipt = &self.receipt;
        let nothing = Json::Null;
        let mandate = receipt.member("mandate").unwrap_or(&nothing);
        let about = self.registered.as_ref().and_then(|leaf| leaf.member("about")).unwrap_or(&nothing);
        let owned = |key: &str| text(mandate, key).map(str::to_owned);
        let scope = list(mandate, "scope").iter().filter_map(Json::as_str).map(str::to_owned).collect();
        let facts = given.mandate_facts.as_deref().map_or_else(|| Ok(Object::new()), json_object);
        let user = text(mandate, "on_behalf_of")
            .map(|name| Ok::<_, String>(Person { name: parsed(name)?, groups: given.user_groups.clone() }));
        Ok(Who {
            agent: parsed(text(receipt, "agent").ok_or("the receipt names no agent")?)?,
            owner: parsed(text(receipt, "owner").ok_or("the receipt names no owner: nothing was judged")?)?,
            purpose: text(about, "purpose").unwrap_or("not in the log").to_owned(),
            tier: tier(receipt.member("tier").and_then(Json::as_integer).unwrap_or(1))?,
            groups: list(about, "groups")
                .iter()
                .filter_map(Json::as_str)
                .map(parsed)
                .collect::<Result<_, _>>()?,
            mandate: Mandate {
                task: owned("task"),
                ticket: owned("ticket"),
                facts: facts.map_err(|why| format!("`--mandate-facts`: {why}"))?,
                kind: text(mandate, "kind").map(parsed).transpose()?,
                purpose: owned("purpose"),
                scope,
                ..Mandate::default()
            },
            user: user.transpose()?,
        })
    }

    /// Compares a payload with the receipt's commitment.
    fn compare(&self, params: &Object, of_args: bool, dir: &Path) -> Result<Payload, Failure> {
        let Some(seed) = seed(dir, self.index) else { return Ok(Payload::Closed) };
        let opening = Opening::from_bytes(seed);
        let commitment = opening.commit("request", Json::Object(params.clone()).canonical().as_bytes());
        if text(&self.receipt, "request") == Some(commitment.to_string().as_str()) {
            return Ok(Payload::Proved);
        }
        let next = match of_args {
            true => "the request may have had a `_meta`: give the whole `params` with `--params`",
            false => "give the `params` as they were sent",
        };
        Err(Failure::integrity(format!("this is not the request that was judged\n  next: {next}")))
    }
}

/// Puts the looked-up facts under the resource that the arguments name.
pub(crate) fn put_facts(case: &mut Case, facts: Option<&str>, workbench: &Workbench) -> Result<(), String> {
    let Some(facts) = facts else { return Ok(()) };
    let facts = json_object(facts).map_err(|why| format!("`--facts`: {why}"))?;
    let request = case.request(workbench.snapshot())?;
    let resource = request.resource.ok_or("`--facts` without a resource: the tool binds none")?;
    case.resources = BTreeMap::from([(resource.kind, BTreeMap::from([(resource.id, facts)]))]);
    Ok(())
}

/// The seed of an entry's commitments, if it is here and was not erased (`spec/receipt.md`, "Commitments").
fn seed(dir: &Path, index: u64) -> Option<[u8; 32]> {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::File::open(dir.join("openings.dat")).ok()?;
    let mut seed = [0; 32];
    file.read_exact_at(&mut seed, index.checked_mul(32)?).ok()?;
    (seed != [0; 32]).then_some(seed)
}

fn json(entry: &Entry) -> Option<(u64, Json)> {
    Json::parse(entry.leaf.as_bytes()).ok().map(|leaf| (entry.index, leaf))
}

/// A member's text.
pub(crate) fn text<'a>(value: &'a Json, key: &str) -> Option<&'a str> {
    value.member(key).and_then(Json::as_str)
}

fn holds(leaf: &[u8], part: &[u8]) -> bool {
    leaf.windows(part.len()).any(|window| window == part)
}
