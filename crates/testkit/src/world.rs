//! The world: an engine between agents and upstream systems, all of it in memory and under the test's control.

use std::{collections::BTreeMap, sync::Arc};

use placet_domain::{
    AgentName, Approval, ApprovalId, Json, Mandate, Object, Tier, Timestamp, ToolDefinition, limits,
};
use placet_engine::{
    AnomalyHook, AnswerError, AnswerRequest, Application, DecisionRules, DpopRule, Engine, EngineConfig,
    ExternalPoint, PolicyRules, Ports, RegistryRules, TrustedIssuer,
};
use placet_identity::{Deployment, EventReceiver, KeySet, TokenKey};
use placet_policy::{
    AttributeType, ConnectorModel, FactType, FlowConfig, PolicyConfig, PolicySource, ResourceBinding,
    RiskConfig, UsageRule,
};

use crate::{
    Failpoints, FakeAnomalyHooks, FakeClock, FakeConnectors, FakeDecisionPoints, FakeNotifier, FakePeople,
    FakeProviders, MemoryAccounts, MemoryApprovals, MemoryCredentials, MemoryDirectory, MemoryExtracts,
    MemoryGrants, MemoryHalts, MemoryLedger, MemoryMandates, MemoryPins, MemoryRegistry, MemoryRevisions,
    Run, SeededEntropy, Sent, actor::OWNER,
};

/// An engine and everything around it.
#[expect(missing_debug_implementations, reason = "ports are trait objects and have nothing to show")]
pub struct World {
    /// The engine under test.
    pub engine: Arc<Engine>,
    /// The ports it has, for tests that put together another engine: a restart.
    pub ports: Ports,
    /// Time.
    pub clock: Arc<FakeClock>,
    /// What fails.
    pub failpoints: Arc<Failpoints>,
    /// The log of receipts.
    pub ledger: Arc<MemoryLedger>,
    /// The upstream systems.
    pub connectors: Arc<FakeConnectors>,
    /// The directory.
    pub people: Arc<FakePeople>,
    /// What issuers publish.
    pub providers: Arc<FakeProviders>,
    /// Whom questions were brought to.
    pub notifier: Arc<FakeNotifier>,
    /// Decision points of others.
    pub decision_points: Arc<FakeDecisionPoints>,
    /// Others who look for what is out of the ordinary.
    pub anomaly_hooks: Arc<FakeAnomalyHooks>,
    policy: PolicyConfig,
    policies: Vec<PolicySource>,
    registry: RegistryRules,
    policy_rules: PolicyRules,
    trust: Trust,
}

/// What the operator believes and asks for.
#[derive(Debug, Clone, Default)]
struct Trust {
    issuers: Vec<TrustedIssuer>,
    dpop: DpopRule,
    decisions: DecisionRules,
    transmitters: Vec<EventReceiver>,
    external: Vec<ExternalPoint>,
    hooks: Vec<AnomalyHook>,
}

/// A world that is being put together. It has one person, `ana`, in no group.
#[derive(Debug)]
pub struct WorldBuilder {
    people: FakePeople,
    connectors: FakeConnectors,
    failpoints: Arc<Failpoints>,
    policy: PolicyConfig,
    policies: Vec<PolicySource>,
    registry: RegistryRules,
    policy_rules: PolicyRules,
    trust: Trust,
}

impl World {
    /// Begins a world.
    #[must_use]
    #[expect(clippy::new_ret_no_self, reason = "a world begins as its builder; tests read better so")]
    pub fn new() -> WorldBuilder {
        let failpoints = Arc::<Failpoints>::default();
        let people = FakePeople::default();
        people.add(OWNER, &[]);
        WorldBuilder {
            people,
            connectors: FakeConnectors::new(failpoints.clone()),
            failpoints,
            policy: PolicyConfig::default(),
            policies: Vec::new(),
            registry: RegistryRules::without_approvers(),
            policy_rules: PolicyRules::default(),
            trust: Trust::default(),
        }
    }

    /// A run of an agent, registered at its first run with tier 2 and owner `ana`.
    ///
    /// # Panics
    /// If it is not a name.
    #[must_use]
    pub fn agent(&self, name: &str) -> Run {
        let agent: AgentName = name.parse().unwrap();
        let (mandate, life) = (Mandate::default(), limits::INSTANCE_LIFE_DEFAULT);
        Run {
            engine: self.engine.clone(),
            agent,
            tier: Tier::Two,
            groups: vec![],
            mandate,
            life,
            parent: None,
        }
    }

    /// A person approves.
    ///
    /// # Errors
    /// Those of [`Engine::answer`].
    pub async fn approve(&self, id: ApprovalId, by: &str) -> Result<Approval, AnswerError> {
        self.answer(id, by, true).await
    }

    /// A person denies.
    ///
    /// # Errors
    /// Those of [`Engine::answer`].
    pub async fn deny(&self, id: ApprovalId, by: &str) -> Result<Approval, AnswerError> {
        self.answer(id, by, false).await
    }

    async fn answer(&self, id: ApprovalId, by: &str, approve: bool) -> Result<Approval, AnswerError> {
        let rationale = "as discussed".to_owned();
        self.engine.answer(AnswerRequest { id, approve, by: by.parse().unwrap(), rationale }).await
    }

    /// Receipts of a kind, in order: `decision`, `outcome`, `approval`, `agent`, `instance`, `revocation`, `halt`,
    /// `policy`, `pin`.
    #[must_use]
    pub fn receipts(&self, kind: &str) -> Vec<Json> {
        let is = |receipt: &Json| receipt.member("kind").and_then(Json::as_str) == Some(kind);
        self.ledger.receipts().into_iter().filter(is).collect()
    }

    /// The upstreams' own log.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.connectors.sent()
    }

    /// Another engine over the same ports, started as the program starts: what a restart leaves.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart(&mut self) {
        let config = engine_config(&self.policy, &self.registry, &self.policy_rules, &self.trust);
        self.engine = start(&self.ports, config, &self.policies).await;
    }

    /// [`World::restart`] with other policy files.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart_with(&mut self, policies: &str) {
        let text = policies.to_owned();
        self.policies = vec![PolicySource { name: "policies-0.cedar".to_owned(), text }];
        self.restart().await;
    }
}

impl WorldBuilder {
    /// Adds a person.
    #[must_use]
    pub fn person(self, name: &str, groups: &[&str]) -> Self {
        self.people.add(name, groups);
        self
    }

    /// Adds a tool: `tool("crm.update_deal", r#"{"type":"object", …}"#)`, with its input schema.
    #[must_use]
    pub fn tool(mut self, operation: &str, input_schema: &str) -> Self {
        let (connector, name) = operation.split_once('.').expect("`connector.tool`");
        self.connector(connector);
        self.connectors.show_tool(connector, definition(name, input_schema));
        self
    }

    /// Puts a tool into action groups, instead of those its annotations give.
    #[must_use]
    pub fn groups(mut self, operation: &str, groups: &[&str]) -> Self {
        let (connector, name) = operation.split_once('.').expect("`connector.tool`");
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        self.connector(connector).groups.insert(name.parse().unwrap(), groups);
        self
    }

    /// Says that an argument of some tools of a connector names a resource.
    #[must_use]
    pub fn binding(mut self, connector: &str, binding: ResourceBinding) -> Self {
        self.connector(connector).bindings.push(binding);
        self
    }

    /// Declares a mandate fact.
    #[must_use]
    pub fn mandate_fact(mut self, name: &str, kind: FactType) -> Self {
        self.policy.facts.insert(name.to_owned(), kind);
        self
    }

    /// Asks approvers about agents, instead of nobody.
    #[must_use]
    pub fn registry(mut self, rules: RegistryRules) -> Self {
        self.registry = rules;
        self
    }

    /// Asks a second person about changes of policies.
    #[must_use]
    pub fn policy_rules(mut self, rules: PolicyRules) -> Self {
        self.policy_rules = rules;
        self
    }

    /// Trusts an issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.trust.issuers.push(issuer);
        self
    }

    /// Believes the security events of an identity provider.
    #[must_use]
    pub fn transmitter(mut self, receiver: EventReceiver) -> Self {
        self.trust.transmitters.push(receiver);
        self
    }

    /// Asks for proofs of possession.
    #[must_use]
    pub fn dpop(mut self, rule: DpopRule) -> Self {
        self.trust.dpop = rule;
        self
    }

    /// Adds an application that asks before it acts; its actions are typed by `inputSchema`. `attributes` are those that
    /// policies may read of its resources, by kind.
    ///
    /// # Panics
    /// If a name is not one.
    #[must_use]
    pub fn application(
        mut self,
        application: Application,
        attributes: &[(&str, &[(&str, AttributeType)])],
    ) -> Self {
        let named = |kind: &str| {
            let of = attributes.iter().find(|(named, _)| *named == kind);
            of.into_iter()
                .flat_map(|(_, all)| all.iter())
                .map(|(name, of)| ((*name).to_owned(), *of))
                .collect()
        };
        let bindings = application.actions.iter().map(|(action, kind)| ResourceBinding {
            kind: kind.clone(),
            tools: vec![action.name.clone()],
            argument: "id".to_owned(),
            resolver: None,
            attributes: named(kind),
        });
        self.policy.connectors.push(ConnectorModel {
            name: application.name.clone(),
            tools: vec![],
            groups: BTreeMap::new(),
            bindings: bindings.collect(),
        });
        self.policy.applications.insert(application.name.clone());
        self.trust.decisions.applications.push(application);
        self
    }

    /// Asks a decision point of others as well.
    #[must_use]
    pub fn external(mut self, point: ExternalPoint) -> Self {
        self.trust.external.push(point);
        self
    }

    /// Has somebody look at calls before they are decided.
    #[must_use]
    pub fn hook(mut self, hook: AnomalyHook) -> Self {
        self.trust.hooks.push(hook);
        self
    }

    /// Declares what the risk is made of.
    #[must_use]
    pub fn risk(mut self, risk: RiskConfig) -> Self {
        self.policy.risk = Some(risk);
        self
    }

    /// Lets an agent ask about others at a connector.
    ///
    /// # Panics
    /// If a name is not one.
    #[must_use]
    pub fn enforcer(mut self, connector: &str, agent: &str) -> Self {
        self.trust.decisions.enforcers.push((connector.parse().unwrap(), agent.parse().unwrap()));
        self
    }

    /// Counts something for conditions.
    #[must_use]
    pub fn usage(mut self, name: &str, rule: UsageRule) -> Self {
        self.policy.usages.insert(name.parse().unwrap(), rule);
        self
    }

    /// Declares what is kept about the flow of runs.
    #[must_use]
    pub fn flow(mut self, flow: FlowConfig) -> Self {
        self.policy.flow = flow;
        self
    }

    /// Adds policies.
    #[must_use]
    pub fn policies(mut self, text: &str) -> Self {
        let name = format!("policies-{}.cedar", self.policies.len());
        self.policies.push(PolicySource { name, text: text.to_owned() });
        self
    }

    /// Puts the world together and starts its engine: tools are pinned as first seen, policies are in force.
    ///
    /// # Panics
    /// If a policy does not load; the message is the finding.
    pub async fn open(self) -> World {
        let Self { people, connectors, failpoints, policy, policies, registry, policy_rules, trust } = self;
        let (people, connectors, notifier) =
            (Arc::new(people), Arc::new(connectors), Arc::<FakeNotifier>::default());
        let clock = Arc::new(FakeClock::at(EVENING));
        let ledger = Arc::new(MemoryLedger::new(failpoints.clone()));
        let providers = Arc::<FakeProviders>::default();
        let decision_points = Arc::<FakeDecisionPoints>::default();
        let anomaly_hooks = Arc::<FakeAnomalyHooks>::default();
        let ports = Ports {
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            people: people.clone(),
            directory: Arc::<MemoryDirectory>::default(),
            registry: Arc::new(MemoryRegistry::new(failpoints.clone())),
            mandates: Arc::new(MemoryMandates::new(failpoints.clone())),
            credentials: Arc::new(MemoryCredentials::new(failpoints.clone())),
            providers: providers.clone(),
            accounts: Arc::<MemoryAccounts>::default(),
            halts: Arc::new(MemoryHalts::new(failpoints.clone())),
            grants: Arc::new(MemoryGrants::new(failpoints.clone())),
            pins: Arc::new(MemoryPins::new(failpoints.clone())),
            approvals: Arc::new(MemoryApprovals::new(failpoints.clone())),
            revisions: Arc::<MemoryRevisions>::default(),
            extracts: Some(Arc::<MemoryExtracts>::default()),
            ledger: ledger.clone(),
            connectors: connectors.clone(),
            notifier: notifier.clone(),
            decision_points: decision_points.clone(),
            anomaly_hooks: anomaly_hooks.clone(),
        };
        let config = engine_config(&policy, &registry, &policy_rules, &trust);
        let engine = start(&ports, config, &policies).await;
        World {
            engine,
            ports,
            clock,
            failpoints,
            ledger,
            connectors,
            people,
            providers,
            notifier,
            decision_points,
            anomaly_hooks,
            policy,
            policies,
            registry,
            policy_rules,
            trust,
        }
    }

    fn connector(&mut self, name: &str) -> &mut ConnectorModel {
        let name = name.parse().unwrap();
        let models = &mut self.policy.connectors;
        let place = models.iter().position(|model| model.name == name).unwrap_or_else(|| {
            models.push(ConnectorModel { name, tools: vec![], groups: BTreeMap::new(), bindings: vec![] });
            models.len() - 1
        });
        models.get_mut(place).expect("it was just found or added")
    }
}

fn engine_config(
    policy: &PolicyConfig,
    registry: &RegistryRules,
    policy_rules: &PolicyRules,
    trust: &Trust,
) -> EngineConfig {
    EngineConfig {
        deployment: Deployment {
            issuer: "https://placet.example".to_owned(),
            audience: "https://placet.example/mcp".to_owned(),
        },
        tokens: KeySet::new(Arc::new(TokenKey::from_seed(&[7; 32]).expect("a key"))),
        transmitters: trust.transmitters.clone(),
        issuers: trust.issuers.clone(),
        dpop: trust.dpop,
        policy: policy.clone(),
        approval_use: limits::APPROVAL_USE,
        registry: registry.clone(),
        decisions: trust.decisions.clone(),
        policy_rules: policy_rules.clone(),
        external: trust.external.clone(),
        hooks: trust.hooks.clone(),
    }
}

async fn start(ports: &Ports, config: EngineConfig, policies: &[PolicySource]) -> Arc<Engine> {
    let connectors: Vec<_> =
        config.policy.connectors.iter().map(|connector| connector.name.clone()).collect();
    let engine = Arc::new(Engine::new(config, ports.clone()));
    engine.load_pins().await.expect("pins are read");
    for connector in connectors.iter().filter(|connector| !engine.is_application(connector)) {
        engine.refresh(connector).await.expect("tools are seen");
    }
    engine.settle_open_calls(0).await.expect("open calls are settled");
    engine.recall_flow().expect("the log is read");
    if !policies.is_empty()
        && let Err(error) = engine.restore_policies(Some(policies.to_vec())).await
        && !matches!(error, placet_engine::ReloadError::Waits { .. })
    {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        panic!("the policies do not load: {cause}");
    }
    engine
}

fn definition(name: &str, input_schema: &str) -> ToolDefinition {
    let schema = Json::parse(input_schema.as_bytes()).expect("the schema is strict JSON");
    let definition = Object::new()
        .with("name", name)
        .with("description", format!("tool {name}"))
        .with("inputSchema", schema);
    ToolDefinition { name: name.parse().unwrap(), definition: Json::Object(definition) }
}

/// Saturday, 2026-11-21T22:26:40Z.
const EVENING: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);
