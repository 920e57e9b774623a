//! Anomaly hooks: others who are asked about calls that our own policies do not refuse, before they are decided. An answer adds
//! to the risk or refuses the call; silence is what the operator says it is, by default a refusal.

use placet_domain::{AccessRequest, Decision, HookAnswer, Object, Observed, PolicyId, Verdict, Want};
use placet_policy::Snapshot;

use crate::{
    Engine,
    ports::{HookError, HookQuestion, HookReply},
};

/// Somebody who looks at calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnomalyHook {
    /// Its name in the configuration, and for the port.
    pub name: String,
    /// `hook:NAME`.
    pub id: PolicyId,
    /// The connectors and tools it is asked about.
    pub about: Vec<Want>,
    /// Whether it is shown the arguments.
    pub arguments: bool,
    /// What it means if it gives no answer.
    pub silence: Silence,
}

/// What it means if a hook gives no answer that can be read in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Silence {
    /// The call is refused.
    #[default]
    Veto,
    /// The call is riskier by so many points.
    Adds(u8),
}

impl Engine {
    /// Asks the hooks that look at the call. What our own policies refuse is nobody else's matter.
    pub(crate) async fn ask_hooks(&self, policies: &Snapshot, request: AccessRequest) -> AccessRequest {
        let (connector, operation) = (request.call.connector(), request.call.operation().name());
        let asked: Vec<&AnomalyHook> = self
            .hooks
            .iter()
            .filter(|hook| hook.about.iter().any(|about| about.covers(connector, operation)))
            .collect();
        if asked.is_empty() {
            return request;
        }
        let decision = policies.decide(&request);
        if matches!(decision.verdict, Verdict::Deny(_)) {
            return request;
        }
        let mut hooks = Vec::with_capacity(asked.len());
        for hook in asked {
            let id = self.random().iter().fold("msg_".to_owned(), |id, byte| format!("{id}{byte:02x}"));
            let body = question(hook, &request, &decision);
            let question = HookQuestion { id, at: request.now, body };
            hooks.push(answer(hook, self.ports.anomaly_hooks.ask(&hook.name, question).await));
        }
        let observed = Observed { hooks, ..request.observed };
        AccessRequest { observed, ..request }
    }
}

fn answer(hook: &AnomalyHook, said: Result<HookReply, HookError>) -> HookAnswer {
    let of = hook.id.clone();
    match said {
        Ok(HookReply { points, vetoes, why }) => {
            HookAnswer { of, points: points.min(placet_domain::Risk::MOST), vetoes, silent: false, why }
        }
        Err(HookError(why)) => {
            let why = format!("the anomaly hook `{}` gave no answer: {why}", hook.name);
            let (points, vetoes) = match hook.silence {
                Silence::Veto => (0, true),
                Silence::Adds(points) => (points, false),
            };
            HookAnswer { of, points, vetoes, silent: true, why }
        }
    }
}

/// What a hook is told: Standard Webhooks, "Payload structure".
fn question(hook: &AnomalyHook, request: &AccessRequest, decision: &Decision) -> Object {
    let agent = &request.agent;
    let mandate = &request.instance.mandate;
    let call = Object::new()
        .with("agent", agent.name.as_str())
        .with("owner", agent.owner.as_str())
        .with("tier", agent.tier.number())
        .with("instance", request.instance.id.to_string())
        .with("connector", request.call.connector().as_str())
        .with("operation", request.call.operation().name())
        .with_some("resource", request.resource.as_ref().map(ToString::to_string))
        .with_some("on_behalf_of", mandate.on_behalf_of.as_ref().map(|person| person.as_str()))
        .with_some("ticket", mandate.ticket.as_deref())
        .with("verdict", decision.verdict.as_str())
        .with("risk", i64::from(decision.risk.score))
        .with("risk_parts", decision.risk.parts_to_json())
        .with("observed", request.observed.to_json())
        .with_some("arguments", hook.arguments.then(|| request.call.arguments()));
    Object::new().with("type", "call.judging").with("timestamp", request.now.to_string()).with("data", call)
}
