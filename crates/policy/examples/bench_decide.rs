//! From the bytes of a payload to the verdict, at 10 to 10,000 policies, against stock `is_authorized`.
//! CPU time of the thread, median of five alternating rounds; the last line is JSON. Stock is timed without
//! parsing and without building the request, which favours it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};
use placet_domain::{
    AccessRequest, Agent, AgentStatus, Instance, InstanceId, Json, Mandate, Object, Operation, Person,
    Resource, ResourceFacts, Tier, Timestamp, ToolCall, ToolDefinition, Verdict,
};
use placet_policy::{
    AttributeType, ConnectorModel, PolicyConfig, PolicySource, Resolver, ResourceBinding, Snapshot,
};

/// The allocator of the `placet` binary; stock Cedar gains from it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];
const ROUNDS: usize = 5;
const TOOLS: usize = 50;
/// Agents that a run takes turns with.
const CALLERS: usize = 16;
/// Per size, round and engine. The kernel counts CPU time in ticks of up to 4 ms.
const BATCH: Duration = Duration::from_millis(300);
/// Saturday 2026-11-21T22:26:40Z.
const NOW: i64 = 1_795_300_000_000_000;

fn main() -> Outcome<()> {
    let mut runs = SIZES.iter().map(|size| Run::new(*size)).collect::<Outcome<Vec<_>>>()?;
    for _ in 0..ROUNDS {
        for run in &mut runs {
            run.round()?;
        }
    }
    println!("{:>8} {:>12} {:>12} {:>9} {:>10}", "policies", "indexed us", "stock us", "ratio", "load ms");
    let mut json = Object::new();
    for run in &mut runs {
        let (indexed, stock) = (median(&mut run.indexed), median(&mut run.stock));
        let load = run.load.as_secs_f64() * 1e3;
        println!("{:>8} {indexed:>12.2} {stock:>12.1} {:>8.1}x {load:>10.0}", run.size, stock / indexed);
        let row = Object::new()
            .with("indexed_ns", (indexed * 1e3) as i64)
            .with("stock_ns", (stock * 1e3) as i64)
            .with("load_ms", load as i64);
        json.set(run.size.to_string(), row);
    }
    let of = |size: &str, key: &str| {
        json.member(size).and_then(|row| row.member(key)).and_then(Json::as_integer).unwrap_or_default()
            as f64
    };
    let growth = of("10000", "indexed_ns") / of("1000", "indexed_ns");
    let faster = of("10000", "stock_ns") / of("10000", "indexed_ns");
    let largest = of("10000", "indexed_ns") / 1e3;
    let bars = growth <= 1.3 && faster >= 100.0 && largest <= 70.0;
    println!(
        "10,000 over 1,000: {growth:.2} (bar 1.3); faster than stock: {faster:.0}x (bar 100); {largest:.1} us (bar 70)"
    );
    let summary = Object::new()
        .with("bench", "bench_decide")
        .with("bars_hold", bars)
        .with("growth_1k_10k_permille", (growth * 1e3) as i64)
        .with("stock_over_indexed_10k", faster as i64)
        .with("sizes", json);
    println!("{}", Json::Object(summary).canonical());
    if bars { Ok(()) } else { Err("a bar does not hold".into()) }
}

struct Run {
    size: usize,
    snapshot: Snapshot,
    callers: Vec<Caller>,
    policies: PolicySet,
    load: Duration,
    indexed: Vec<f64>,
    stock: Vec<f64>,
}

struct Caller {
    body: Vec<u8>,
    tool: String,
    agent: Arc<Agent>,
    instance: Arc<Instance>,
    user: Arc<Person>,
    request: Request,
    entities: Entities,
}

impl Run {
    fn new(size: usize) -> Outcome<Self> {
        let text = policies(size)?;
        let sources = [PolicySource { name: "bench.cedar".to_owned(), text: text.clone() }];
        let start = Instant::now();
        let snapshot = Snapshot::load(&sources, &config()?)?;
        let load = start.elapsed();
        // The last policies are the agents' own: those that exist at this size take turns.
        let first = size / 10 + size.div_ceil(10).min(20);
        let count = (size - first).min(CALLERS);
        let callers = (0..count).map(|turn| caller(size - count + turn)).collect::<Outcome<Vec<_>>>()?;
        let run = Self {
            size,
            snapshot,
            callers,
            policies: text.parse()?,
            load,
            indexed: Vec::new(),
            stock: Vec::new(),
        };
        run.check()?;
        Ok(run)
    }

    /// Both engines allow every request, for the same one reason.
    fn check(&self) -> Outcome<()> {
        for caller in &self.callers {
            let decision = self.snapshot.decide(&caller.access()?);
            let stock = Authorizer::new().is_authorized(&caller.request, &self.policies, &caller.entities);
            let same = decision.verdict == Verdict::Allow
                && stock.decision() == cedar_policy::Decision::Allow
                && decision.reasons.len() == 1
                && stock.diagnostics().reason().count() == 1
                && stock.diagnostics().errors().count() == 0;
            if !same {
                return Err(format!("{decision:?}\n{stock:?}").into());
            }
        }
        Ok(())
    }

    fn round(&mut self) -> Outcome<()> {
        let mut turn = 0;
        let mut next = || {
            turn += 1;
            self.callers.get(turn % self.callers.len()).ok_or("no callers")
        };
        let indexed = timed(|| {
            black_box(self.snapshot.decide(&next()?.access()?));
            Ok(())
        })?;
        let authorizer = Authorizer::new();
        let stock = timed(|| {
            let caller = next()?;
            black_box(authorizer.is_authorized(&caller.request, &self.policies, &caller.entities));
            Ok(())
        })?;
        self.indexed.push(indexed);
        self.stock.push(stock);
        Ok(())
    }
}

impl Caller {
    /// The measured path up to the decision: from bytes to a request.
    fn access(&self) -> Outcome<AccessRequest> {
        let arguments = Json::parse(&self.body)?;
        let params = Object::new().with("name", self.tool.as_str()).with("arguments", arguments);
        let call = ToolCall::new("crm".parse()?, Operation::Tool(self.tool.parse()?), params)?;
        let now = Timestamp::from_micros(NOW);
        Ok(AccessRequest {
            now,
            agent: Arc::clone(&self.agent),
            instance: Arc::clone(&self.instance),
            user: Some(Arc::clone(&self.user)),
            call,
            pin: None,
            resource: Some(Resource { kind: "Deal".to_owned(), id: "789".to_owned() }),
            facts: Some(ResourceFacts {
                attributes: Object::new().with("owner", "dana").with("amount", 500),
                fetched: now,
            }),
            flow: placet_domain::Flow::default(),
            observed: placet_domain::Observed::default(),
            lifted: Vec::new(),
            granted: Vec::new(),
            usage: placet_domain::Usage::default(),
            opinions: Vec::new(),
        })
    }
}

/// Microseconds of CPU time per call.
fn timed(mut call: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    call()?;
    let (wall, before) = (Instant::now(), cpu()?);
    let mut calls = 0_u32;
    while wall.elapsed() < BATCH || calls < 8 {
        call()?;
        calls += 1;
    }
    Ok((cpu()? - before) as f64 / 1e3 / f64::from(calls))
}

/// Nanoseconds this thread has been on a CPU.
fn cpu() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Up to twenty guardrails on every write, a tenth role permits, the rest permits of one agent and one tool.
fn policies(size: usize) -> Result<String, std::fmt::Error> {
    let guardrails = size.div_ceil(10).min(20);
    let mut text = String::new();
    for number in 0..guardrails {
        let condition = match number % 4 {
            0 => format!("principal.tier > {}", number + 3),
            1 => format!("context.time.weekday > 7 || context.time.minute_of_day >= {}", number + 1440),
            2 => format!("context.input has amount && context.input.amount > {}", 1_000_000 + number),
            _ => format!(
                "context.input has stage && [\"Lost {number}\", \"Won {number}\"].contains(context.input.stage)"
            ),
        };
        writeln!(
            text,
            "@id(\"guard-{number}\") @reason(\"a guardrail\")\nforbid (principal is Agent, action in Action::\"write\", resource) when {{ {condition} }};"
        )?;
    }
    for number in 0..size / 10 {
        writeln!(
            text,
            "@id(\"role-{number}\")\npermit (principal in Group::\"role-{number}\", action == Action::\"crm.tool-{}\", resource) when {{ context.input.region == \"emea\" }};",
            number % TOOLS
        )?;
    }
    for number in guardrails + size / 10..size {
        writeln!(
            text,
            "@id(\"agent-{number}\")\npermit (principal == Agent::\"agent-{number}\", action == Action::\"crm.tool-{}\", resource) when {{ context.input.amount <= 10000 && context.input.region == \"emea\" && context has user && resource.owner == context.user && context.time.weekday <= 6 }};",
            number % TOOLS
        )?;
    }
    Ok(text)
}

fn config() -> Outcome<PolicyConfig> {
    let schema = Json::parse(
        br#"{"inputSchema":{"type":"object","required":["deal_id","amount","region"],"properties":{
            "deal_id":{"type":"string"},"amount":{"type":"integer"},"region":{"type":"string"},
            "stage":{"type":"string"},"notes":{"type":"string"},"close_date":{"type":"string"},
            "probability":{"type":"integer"},"currency":{"type":"string"},"contacts":{"type":"array","items":{"type":"string"}},
            "urgent":{"type":"boolean"},"source":{"type":"string"},"next_step":{"type":"string"}}}}"#,
    )?;
    let names = (0..TOOLS).map(|tool| Ok(format!("tool-{tool}").parse()?)).collect::<Outcome<Vec<_>>>()?;
    let tools =
        names.iter().cloned().map(|name| ToolDefinition { name, definition: schema.clone() }).collect();
    let attributes = [("owner", AttributeType::User), ("amount", AttributeType::Long)];
    let deal = ResourceBinding {
        kind: "Deal".to_owned(),
        tools: names,
        argument: "deal_id".to_owned(),
        resolver: Some(Resolver { tool: "tool-0".parse()?, argument: "deal_id".to_owned() }),
        attributes: attributes.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect(),
    };
    let crm = ConnectorModel { name: "crm".parse()?, tools, groups: BTreeMap::new(), bindings: vec![deal] };
    Ok(PolicyConfig { connectors: vec![crm], ..PolicyConfig::default() })
}

const BODY: &str = r#"{"deal_id":"789","amount":500,"region":"emea","stage":"Negotiation","notes":"Called the customer on Friday; they want a revised offer with a longer term, and a second call next week with their head of finance.","close_date":"2026-12-24","probability":60,"currency":"EUR","contacts":["ana@example.com","bo@example.com","cy@partner.example"],"urgent":false,"source":"inbound","next_step":"Send the revised offer and propose two dates for the call"}"#;

fn caller(number: usize) -> Outcome<Caller> {
    let now = Timestamp::from_micros(NOW);
    let (name, tool) = (format!("agent-{number}"), format!("tool-{}", number % TOOLS));
    let agent = Agent {
        name: name.parse()?,
        owner: "mia".parse()?,
        purpose: "updates deals".to_owned(),
        tier: Tier::Two,
        groups: vec!["crm-agents".parse()?],
        registered: now,
        status: AgentStatus::Active,
        charter: placet_domain::Charter::default(),
        life: placet_domain::Life::default(),
    };
    let instance = Instance {
        id: InstanceId::new(now, [7; 10]),
        agent: agent.name.clone(),
        mandate: Mandate { on_behalf_of: Some("dana".parse()?), ..Mandate::default() },
        started_by: "mia".parse()?,
        started: now,
        expires: now,
        revoked: None,
        parent: None,
    };
    let (request, entities) = stock_request(&name, &tool)?;
    Ok(Caller {
        body: BODY.as_bytes().to_vec(),
        tool,
        agent: Arc::new(agent),
        instance: Arc::new(instance),
        user: Arc::new(Person { name: "dana".parse()?, groups: vec!["sales-reps".parse()?] }),
        request,
        entities,
    })
}

fn stock_request(agent: &str, tool: &str) -> Outcome<(Request, Entities)> {
    let input: serde_json::Value = serde_json::from_str(BODY)?;
    let user = |name: &str| serde_json::json!({"__entity": {"type": "User", "id": name}});
    let context = serde_json::json!({
        "input": input,
        "time": {"weekday": 6, "minute_of_day": 1346, "date": "2026-11-21"},
        "user": user("dana"),
    });
    let entities = serde_json::json!([
        {"uid": {"type": "Agent", "id": agent}, "attrs": {"tier": 2, "owner": user("mia")}, "parents": [{"type": "Group", "id": "crm-agents"}]},
        {"uid": {"type": "User", "id": "dana"}, "attrs": {}, "parents": [{"type": "Group", "id": "sales-reps"}]},
        {"uid": {"type": "Deal", "id": "789"}, "attrs": {"owner": user("dana"), "amount": 500}, "parents": []},
        {"uid": {"type": "Group", "id": "crm-agents"}, "attrs": {}, "parents": []},
        {"uid": {"type": "Action", "id": format!("crm.{tool}")}, "attrs": {}, "parents": [{"type": "Action", "id": "write"}, {"type": "Action", "id": "crm"}]},
    ]);
    let uid = |text: String| -> Outcome<EntityUid> { Ok(text.parse()?) };
    let request = Request::new(
        uid(format!("Agent::\"{agent}\""))?,
        uid(format!("Action::\"crm.{tool}\""))?,
        uid("Deal::\"789\"".to_owned())?,
        Context::from_json_value(context, None)?,
        None,
    )?;
    Ok((request, Entities::from_json_value(entities, None)?))
}
