//! `placet policy why`: the policies that decided a call, with source lines and values. A receipt is explained by what
//! it says; whatever is judged here is said to be judged now. Who can read the policy files may know all of it.

use std::collections::BTreeMap;

use clap::Args;
use placet_domain::{
    AgentName, Flow, GroupName, Json, Mandate, Object, Person, PersonName, Timestamp, Verdict,
};
use placet_engine::ports::Clock as _;
use placet_policy::{Case, Expectation, ExpectedVerdict, Explanation, Who, Workbench};

use super::{
    cases::{json_object, operation, params, parsed, tier},
    material::{Material, Origin, Pinned},
    recall::{Given, Payload, Recalled, put_facts, text},
    telling,
};
use crate::{
    archive::Log,
    command::receipt::Wanted,
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, some_text},
    system::SystemClock,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples: placet policy why cal_…\n          placet policy why --agent deal-update-agent --tool crm.update_deal \
                        --args '{\"deal_id\":\"789\"}' --facts '{\"owner\":\"dana\"}'"
)]
pub(crate) struct Why {
    /// `rcp_…` or `cal_…`; without one, the call that `--agent` and `--tool` describe
    #[arg(value_name = "RECEIPT|CALL", required_unless_present_all = ["agent", "tool"])]
    id: Option<Wanted>,
    #[command(flatten)]
    call: Hypothetical,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    origin: Origin,
}

/// A call that was not made. What is not given is taken from the registry of the home.
#[derive(Debug, Args)]
struct Hypothetical {
    /// The agent
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    agent: Option<AgentName>,
    /// `<connector>.<tool>`, or a connector and an MCP method
    #[arg(long, value_name = "CALL", conflicts_with = "id")]
    tool: Option<String>,
    /// Its tier
    #[arg(long, value_name = "1|2|3", conflicts_with = "id")]
    tier: Option<i64>,
    /// A group of the agent (may be given again)
    #[arg(long = "group", value_name = "GROUP", conflicts_with = "id")]
    groups: Vec<GroupName>,
    /// The person acted for
    #[arg(long, value_name = "PERSON", conflicts_with = "id")]
    on_behalf_of: Option<PersonName>,
    /// The mandate's ticket
    #[arg(long, value_name = "TEXT", conflicts_with = "id")]
    ticket: Option<String>,
    /// The mandate's task
    #[arg(long, value_name = "TEXT", conflicts_with = "id")]
    task: Option<String>,
    /// The moment, for example 2026-11-22T10:00:00Z (default: now)
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    now: Option<Timestamp>,
}

pub(crate) async fn run(why: Why, context: &Context) -> Result<Exit, Failure> {
    let material = Material::read(&why.origin, context).await?;
    let workbench = material.workbench()?;
    match &why.id {
        Some(id) => {
            let revision = material.revision(context).unwrap_or_default();
            of_receipt(id, &why, &workbench, &revision, context)
        }
        None => hypothetical(&why, &workbench, context).await,
    }
}

fn of_receipt(
    id: &Wanted,
    why: &Why,
    workbench: &Workbench,
    revision: &str,
    context: &Context,
) -> Result<Exit, Failure> {
    let recalled = Recalled::find(id.as_str(), &why.log, context)?;
    let has_payload = why.given.args.is_some() || why.given.params.is_some();
    let again = match has_payload {
        true => {
            let (case, payload) = recalled.case(&why.given, workbench, &why.log, context)?;
            Some((explain(&case, workbench)?, payload))
        }
        false => None,
    };
    let same = text(&recalled.receipt, "policy") == Some(revision);
    if context.screen.is_json() {
        let places: Vec<Object> = places(&recalled.receipt, workbench)
            .into_iter()
            .map(|(policy, place)| Object::new().with("policy", policy).with_some("place", place))
            .collect();
        let answer = Object::new()
            .with("schema", "placet/v1/policy-why")
            .with("receipt", recalled.receipt.clone())
            .with("same_revision", same)
            .with("decided_by", places)
            .with_some("judged_now", again.as_ref().map(|(told, _)| telling::to_json(told)))
            .with_some("payload_proved", again.as_ref().map(|(_, payload)| *payload == Payload::Proved));
        context.screen.json(&answer.into());
        return Ok(Exit::Ok);
    }
    show_receipt(&recalled.receipt, (!same).then_some(revision), workbench, context);
    match &again {
        Some((told, payload)) => {
            let sure = match payload {
                Payload::Proved => "the receipt's commitment opens to these arguments",
                Payload::Closed => {
                    "whether these were the arguments cannot be shown: the commitment is closed"
                }
            };
            out(&format!("\njudged now, by the files as they are ({sure}):"));
            tell(told);
        }
        None => out(
            "\nnext: give the arguments with `--args` and the facts with `--facts` to see conditions and values",
        ),
    }
    Ok(Exit::Ok)
}

fn show_receipt(receipt: &Json, other: Option<&str>, workbench: &Workbench, context: &Context) {
    let mandate = receipt.member("mandate").unwrap_or(&Json::Null);
    let call = format!(
        "{}.{}",
        some_text(receipt, "connector").unwrap_or_default(),
        some_text(receipt, "operation").unwrap_or_else(|| "?".to_owned())
    );
    let resources: Vec<String> =
        list(receipt, "resources").iter().filter_map(Json::as_str).map(crate::print::visible).collect();
    context.screen.fields(&[
        ("receipt", some_text(receipt, "id")),
        ("call", Some(call)),
        ("resource", (!resources.is_empty()).then(|| resources.join(", "))),
        ("agent", some_text(receipt, "agent")),
        ("on behalf of", some_text(mandate, "on_behalf_of")),
        ("verdict", some_text(receipt, "verdict")),
        ("code", some_text(receipt, "code")),
        ("error", some_text(receipt, "error")),
        ("policy", some_text(receipt, "policy")),
    ]);
    if let Some(revision) = other {
        note(&format!(
            "the files are revision {revision}: places are where they stand today, if they still do"
        ));
    }
    let decided = places(receipt, workbench);
    if decided.is_empty() && text(receipt, "error").is_none() {
        out("no policy matched: nothing is permitted that no grant permits");
    }
    for (policy, place) in decided {
        let place = place.unwrap_or_else(|| "in no file today".to_owned());
        out(&format!("decided by `{}` {place}", crate::print::visible(&policy)));
    }
}

/// The policies that the receipt names, and where they are written now.
fn places(receipt: &Json, workbench: &Workbench) -> Vec<(String, Option<String>)> {
    let known: BTreeMap<String, String> = workbench
        .policies()
        .map(|place| {
            let at = format!("{}:{} ({})", place.file, place.line, place.class.as_str());
            (place.policy.to_string(), at)
        })
        .collect();
    let named = list(receipt, "reasons").iter().filter_map(Json::as_str);
    named.map(|policy| (policy.to_owned(), known.get(policy).cloned())).collect()
}

async fn hypothetical(why: &Why, workbench: &Workbench, context: &Context) -> Result<Exit, Failure> {
    let usage = |text: String| Failure::new(text).with_exit(Exit::Usage);
    let who = who(why, context).await?;
    let mut case = read(why, who).map_err(usage)?;
    put_facts(&mut case, why.given.facts.as_deref(), workbench).map_err(usage)?;
    let told = explain(&case, workbench)?;
    match context.screen.is_json() {
        true => {
            let answer = Object::new()
                .with("schema", "placet/v1/policy-why")
                .with("judged_now", telling::to_json(&told));
            context.screen.json(&answer.into());
        }
        false => tell(&told),
    }
    Ok(match told.decision.verdict {
        Verdict::Allow => Exit::Ok,
        Verdict::RequireApproval(_) => Exit::Pending,
        Verdict::Deny(_) => Exit::Denied,
    })
}

fn read(why: &Why, who: Who) -> Result<Case, String> {
    let (connector, operation) = operation(why.call.tool.as_deref().unwrap_or_default())?;
    let params = match (&why.given.params, &why.given.args) {
        (Some(params), _) => json_object(params).map_err(|why| format!("`--params`: {why}"))?,
        (None, args) => {
            let args = args.as_deref().unwrap_or("{}");
            params(&operation, &json_object(args).map_err(|why| format!("`--args`: {why}"))?)
        }
    };
    Ok(Case {
        name: "a question".to_owned(),
        now: why.call.now.unwrap_or_else(|| SystemClock::default().now()),
        who,
        connector,
        operation,
        params,
        resources: BTreeMap::new(),
        flow: Flow::default(),
        usage: BTreeMap::new(),
        lifted: Vec::new(),
        expects: Expectation {
            verdicts: vec![ExpectedVerdict::Allow],
            because: None,
            error: None,
            obligations: None,
        },
    })
}

/// The caller: what is given, over what the registry of the home knows.
async fn who(why: &Why, context: &Context) -> Result<Who, Failure> {
    let usage = |text: String| Failure::new(text).with_exit(Exit::Usage);
    let call = &why.call;
    let name = call.agent.clone().ok_or_else(|| usage("name the agent with `--agent`".to_owned()))?;
    let pinned = Pinned::open(context).await?;
    let known = pinned.store().and_then(|store| store.registry().agent(&name));
    let given_tier = call.tier.map(tier).transpose().map_err(usage)?;
    let facts = why.given.mandate_facts.as_deref().map_or_else(|| Ok(Object::new()), json_object);
    let (groups, tier, owner, purpose) = match &known {
        Some(agent) => {
            let groups = if call.groups.is_empty() { agent.groups.clone() } else { call.groups.clone() };
            (groups, given_tier.unwrap_or(agent.tier), agent.owner.clone(), agent.purpose.clone())
        }
        None => {
            let tier = given_tier.ok_or_else(|| {
                usage(format!(
                    "`{name}` is not in the registry of {}: give `--tier` and `--group`",
                    context.home.display()
                ))
            })?;
            let owner = parsed("owner").map_err(usage)?;
            (call.groups.clone(), tier, owner, "a question".to_owned())
        }
    };
    Ok(Who {
        agent: name,
        owner,
        purpose,
        tier,
        groups,
        mandate: Mandate {
            ticket: call.ticket.clone(),
            task: call.task.clone(),
            facts: facts.map_err(|why| usage(format!("`--mandate-facts`: {why}")))?,
            ..Mandate::default()
        },
        user: call.on_behalf_of.clone().map(|name| Person { name, groups: why.given.user_groups.clone() }),
    })
}

fn explain(case: &Case, workbench: &Workbench) -> Result<Explanation, Failure> {
    let request = case
        .request(workbench.snapshot())
        .map_err(|why| Failure::new(format!("it is no call: {why}")).with_exit(Exit::Usage))?;
    Ok(workbench.explain(&request))
}

fn tell(told: &Explanation) {
    telling::lines(told).iter().for_each(|line| out(line));
    let ways = telling::way_out(told);
    if !ways.is_empty() {
        out("it would go through if:");
        ways.iter().for_each(|way| out(&format!("  {way}")));
    }
}
