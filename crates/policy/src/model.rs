//! The actions that the configuration and the pinned tools make: what a request can be about.
//! Compiled once per snapshot, so that a request is built without looking at a schema.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy_core::ast::{Entity, EntityType};
use jiff::tz::TimeZone;
use placet_domain::{ConnectorName, Operation, RiskPart, ToolDefinition, ToolName};
use smol_str::SmolStr;

use crate::entities::{self, Types};
use crate::flow::{self, ActionFlow, FlowNames};
use crate::shape::{Record, Shape};
use crate::usage::Counted;
use crate::{
    AttributeType, ConnectorModel, Finding, PolicyConfig, Resolver, ResourceBinding, RiskConfig, risk,
};

/// The action groups that every connector's actions can belong to, and how risky a member is at least.
pub(crate) const GROUPS: [(&str, u8); 7] = [
    ("admin", 90),
    ("delete", 80),
    ("execute", 70),
    ("export", 60),
    ("read", 10),
    ("send", 60),
    ("write", 40),
];
/// The action on an `ApprovalRequest`.
pub(crate) const APPROVE: &str = "approve";
/// The action on a `GrantRequest`.
pub(crate) const GRANT: &str = "grant";
/// The risk of an action in no group.
const RISK_UNKNOWN: u8 = 50;
/// Arguments that hold e-mail addresses.
const ADDRESSES: [&str; 4] = ["bcc", "cc", "recipients", "to"];
/// Names that a resource kind must not take.
const RESERVED: [&str; 22] = [
    "Action",
    "Agent",
    "ApprovalRequest",
    "Bool",
    "Boolean",
    "Connector",
    "Entity",
    "Extension",
    "GrantRequest",
    "GrantReview",
    "Group",
    "Long",
    "Record",
    "Set",
    "String",
    "Tool",
    "User",
    "datetime",
    "decimal",
    "duration",
    "ipaddr",
    "Unknown",
];

/// Every action, by connector and operation.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) types: Types,
    pub(crate) zone: TimeZone,
    pub(crate) facts: BTreeMap<SmolStr, AttributeType>,
    pub(crate) kinds: BTreeMap<String, Kind>,
    pub(crate) connectors: HashMap<ConnectorName, Actions>,
    /// What is counted for conditions.
    pub(crate) usages: Vec<Counted>,
    /// What is declared about the flow of a run.
    pub(crate) flow: FlowNames,
    /// What the risk is made of, if it is declared.
    pub(crate) risk: Option<RiskConfig>,
    /// The action of answering an approval.
    pub(crate) approve: Arc<Entity>,
    /// The action of giving a grant.
    pub(crate) grant: Arc<Entity>,
}

/// The actions of one connector.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    pub(crate) tools: HashMap<ToolName, Action>,
    pub(crate) methods: HashMap<&'static str, Action>,
}

/// One kind of resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kind {
    pub(crate) attributes: BTreeMap<String, AttributeType>,
    /// Every binding has a resolver, so that the attributes always exist.
    pub(crate) resolved: bool,
}

/// One operation of one connector.
#[derive(Debug)]
pub(crate) struct Action {
    /// `<connector>.<tool>` or `<connector>.<method>`.
    pub(crate) name: String,
    /// Its place in the index.
    pub(crate) number: usize,
    /// The entity with its groups: without it `action in Action::"write"` would be false.
    pub(crate) entity: Arc<Entity>,
    pub(crate) groups: BTreeSet<String>,
    /// The resource of a call that binds none.
    pub(crate) tool: Arc<Entity>,
    pub(crate) input: Record,
    /// Arguments that hold e-mail addresses.
    pub(crate) addresses: Vec<SmolStr>,
    pub(crate) bound: Option<Bound>,
    /// Places of the usages that count its calls.
    pub(crate) counted: Vec<usize>,
    /// What its groups weigh.
    pub(crate) risk: u8,
    /// What else is declared to weigh.
    pub(crate) declared_risks: Vec<RiskPart>,
    /// An application asks about it: the person needs a grant of their own.
    pub(crate) of_application: bool,
    pub(crate) flow: ActionFlow,
}

/// The resource that an argument names.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) kind: String,
    pub(crate) entity_type: EntityType,
    pub(crate) argument: String,
    /// The tool's schema requires the argument, so that the call always acts on such a resource.
    pub(crate) always: bool,
    pub(crate) resolver: Option<Resolver>,
    pub(crate) attributes: Vec<(SmolStr, AttributeType)>,
}

impl Model {
    /// Compiles the configuration. Findings are errors: a snapshot with one is not used.
    pub(crate) fn new(config: &PolicyConfig, findings: &mut Vec<Finding>) -> Self {
        let types = Types::new();
        let zone = TimeZone::get(&config.time_zone).unwrap_or_else(|_| {
            findings.push(Finding::of_config(
                format!("`{}` is not a time zone", config.time_zone),
                "use an IANA name such as `Europe/Berlin`, or `UTC`",
            ));
            TimeZone::UTC
        });
        let approve = Arc::new(entities::action(&types, APPROVE, &BTreeSet::new()));
        let grant = Arc::new(entities::action(&types, GRANT, &BTreeSet::new()));
        let facts = config.facts.iter().map(|(name, fact)| (SmolStr::new(name), (*fact).into())).collect();
        let kinds = kinds(config, findings);
        let (connectors, usages, flow) = (HashMap::new(), Vec::new(), FlowNames::default());
        let mut model =
            Self { types, zone, facts, kinds, connectors, usages, flow, risk: None, approve, grant };
        let mut names: BTreeSet<String> = GROUPS.iter().map(|(group, _)| (*group).to_owned()).collect();
        names.insert(APPROVE.to_owned());
        names.insert(GRANT.to_owned());
        for connector in &config.connectors {
            let of_application = config.applications.contains(&connector.name);
            model.add(connector, of_application, &mut names, findings);
        }
        model.count_usages(config, findings);
        flow::bind(&mut model, &config.flow, findings);
        risk::bind(&mut model, config.risk.as_ref(), findings);
        model
    }

    /// The action of an operation, if the connector and the tool are known.
    pub(crate) fn action(&self, connector: &ConnectorName, operation: &Operation) -> Option<&Action> {
        let actions = self.connectors.get(connector)?;
        match operation {
            Operation::Tool(tool) => actions.tools.get(tool),
            method => actions.methods.get(method.method()),
        }
    }

    /// Every action, in no order.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &Action> {
        self.connectors.values().flat_map(|actions| actions.tools.values().chain(actions.methods.values()))
    }

    /// Every action, in no order, to complete it.
    pub(crate) fn actions_mut(&mut self) -> impl Iterator<Item = &mut Action> {
        self.connectors
            .values_mut()
            .flat_map(|actions| actions.tools.values_mut().chain(actions.methods.values_mut()))
    }

    /// Marks which arguments and usages policies may read.
    pub(crate) fn mark_read(&mut self, is_read: &dyn Fn(&str) -> bool) {
        for counted in &mut self.usages {
            counted.read = is_read("usage") && is_read(counted.name.as_str());
        }
        self.actions_mut().for_each(|action| action.input.mark_read(is_read));
    }

    /// How many actions there are besides `approve`.
    pub(crate) fn count(&self) -> usize {
        self.connectors.values().map(|actions| actions.tools.len() + actions.methods.len()).sum()
    }

    fn add(
        &mut self,
        connector: &ConnectorModel,
        of_application: bool,
        names: &mut BTreeSet<String>,
        findings: &mut Vec<Finding>,
    ) {
        let mut claim = |name: String, findings: &mut Vec<Finding>| {
            if !names.insert(name.clone()) {
                findings.push(Finding::of_config(
                    format!("the action name `{name}` is taken twice"),
                    "rename the connector: groups, connectors and `<connector>.<tool>` share one name space",
                ));
            }
        };
        claim(connector.name.to_string(), findings);
        check_bindings(connector, findings);
        let mut actions = Actions::default();
        for tool in &connector.tools {
            let mut action = self.tool(connector, tool, self.count() + actions.tools.len(), findings);
            action.of_application = of_application;
            claim(action.name.clone(), findings);
            actions.tools.insert(tool.name.clone(), action);
        }
        for operation in &Operation::METHODS {
            let number = self.count() + actions.tools.len() + actions.methods.len();
            let (groups, input) = method(operation);
            let action = self.new_action(&connector.name, operation.method(), number, groups, input);
            claim(action.name.clone(), findings);
            actions.methods.insert(operation.method(), action);
        }
        self.connectors.insert(connector.name.clone(), actions);
    }

    fn tool(
        &self,
        connector: &ConnectorModel,
        tool: &ToolDefinition,
        number: usize,
        findings: &mut Vec<Finding>,
    ) -> Action {
        let groups = groups(connector, tool, findings);
        let input = Record::of_schema(tool.input_schema());
        let mut action = self.new_action(&connector.name, tool.name.as_str(), number, groups, input);
        action.addresses = ADDRESSES
            .iter()
            .filter(|name| {
                let shape = action.input.field(name).map(|field| &field.shape);
                matches!(shape, Some(Shape::SetOfText | Shape::Text))
            })
            .map(|name| SmolStr::new_static(name))
            .collect();
        let mut bindings = connector.bindings.iter().filter(|binding| binding.tools.contains(&tool.name));
        if let Some(binding) = bindings.next() {
            action.bound = bound(&action, binding, findings);
        }
        if bindings.next().is_some() {
            findings.push(Finding::of_config(
                format!("`{}` binds more than one resource", action.name),
                "bind one argument of a tool: a call is judged on one resource",
            ));
        }
        action
    }

    fn new_action(
        &self,
        connector: &ConnectorName,
        operation: &str,
        number: usize,
        groups: BTreeSet<String>,
        input: Record,
    ) -> Action {
        let name = format!("{connector}.{operation}");
        let risks = GROUPS.iter().filter(|(group, _)| groups.contains(*group)).map(|(_, risk)| *risk);
        let risk = risks.max().unwrap_or(RISK_UNKNOWN);
        let mut parents = groups.clone();
        parents.insert(connector.to_string());
        Action {
            number,
            entity: Arc::new(entities::action(&self.types, &name, &parents)),
            tool: Arc::new(entities::tool(&self.types, &name, connector.as_str(), operation)),
            name,
            groups: parents,
            input,
            addresses: Vec::new(),
            bound: None,
            counted: Vec::new(),
            risk,
            declared_risks: Vec::new(),
            of_application: false,
            flow: ActionFlow::default(),
        }
    }
}

/// A tool's groups: the configured ones, else those its annotations admit. Hints only ever add caution:
/// a tool that does not call itself read-only writes.
fn groups(
    connector: &ConnectorModel,
    tool: &ToolDefinition,
    findings: &mut Vec<Finding>,
) -> BTreeSet<String> {
    if let Some(groups) = connector.groups.get(&tool.name) {
        for group in groups.iter().filter(|group| GROUPS.iter().all(|(known, _)| known != group)) {
            findings.push(Finding::of_config(
                format!("`{group}`, given for `{}.{}`, is not an action group", connector.name, tool.name),
                "use `read`, `write`, `send`, `delete`, `execute`, `export` or `admin`",
            ));
        }
        return groups.iter().cloned().collect();
    }
    let read_only = tool.hint("readOnlyHint") == Some(true);
    let destructive = tool.hint("destructiveHint") == Some(true);
    let mut groups = BTreeSet::new();
    if read_only && !destructive {
        groups.insert("read".to_owned());
        return groups;
    }
    groups.insert("write".to_owned());
    if destructive {
        groups.insert("delete".to_owned());
    }
    groups
}

/// The groups of a method and the members of its params that policies can read.
fn method(operation: &Operation) -> (BTreeSet<String>, Record) {
    let (group, members): (&str, &[(&str, bool)]) = match operation {
        Operation::ReadResource | Operation::Subscribe | Operation::Unsubscribe => ("read", &[("uri", true)]),
        Operation::GetPrompt => ("read", &[("name", true)]),
        Operation::ListPrompts
        | Operation::ListResources
        | Operation::ListResourceTemplates
        | Operation::TaskList => ("read", &[("cursor", false)]),
        Operation::TaskGet | Operation::TaskResult => ("read", &[("taskId", true)]),
        Operation::TaskCancel | Operation::TaskUpdate => ("write", &[("taskId", true)]),
        Operation::Complete | Operation::Listen | Operation::Tool(_) => ("read", &[]),
    };
    (BTreeSet::from([group.to_owned()]), Record::of_texts(members))
}

fn check_bindings(connector: &ConnectorModel, findings: &mut Vec<Finding>) {
    let known = |tool: &ToolName| connector.tools.iter().any(|other| other.name == *tool);
    for binding in &connector.bindings {
        let resolver = binding.resolver.as_ref().map(|resolver| &resolver.tool);
        for tool in binding.tools.iter().chain(resolver).filter(|tool| !known(tool)) {
            findings.push(Finding::of_config(
                format!(
                    "`{}` is bound to `{}`, but `{}` has no such accepted tool",
                    binding.kind, tool, connector.name
                ),
                "correct the name, or accept the tool first",
            ));
        }
    }
}

fn bound(action: &Action, binding: &ResourceBinding, findings: &mut Vec<Finding>) -> Option<Bound> {
    let Some(field) = action.input.field(&binding.argument) else {
        findings.push(Finding::of_config(
            format!(
                "`{}` has no argument `{}` to bind a `{}` from",
                action.name, binding.argument, binding.kind
            ),
            "name an argument of the tool's schema",
        ));
        return None;
    };
    if !matches!(field.shape, Shape::Text | Shape::Integer) {
        findings.push(Finding::of_config(
            format!(
                "argument `{}` of `{}` is neither a string nor an integer",
                binding.argument, action.name
            ),
            "bind an argument that holds one id",
        ));
    }
    Some(Bound {
        kind: binding.kind.clone(),
        entity_type: entities::entity_type(&binding.kind)?,
        argument: binding.argument.clone(),
        always: field.always(),
        resolver: binding.resolver.clone(),
        attributes: binding.attributes.iter().map(|(name, kind)| (SmolStr::new(name), *kind)).collect(),
    })
}

fn kinds(config: &PolicyConfig, findings: &mut Vec<Finding>) -> BTreeMap<String, Kind> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for binding in config.connectors.iter().flat_map(|connector| &connector.bindings) {
        let resolved = binding.resolver.is_some();
        if !is_kind(&binding.kind) {
            findings.push(Finding::of_config(
                format!("`{}` cannot be the name of a resource kind", binding.kind),
                "use letters and digits, starting with a letter, and none of Cedar's or Placet's own type names",
            ));
            continue;
        }
        let kind = kinds
            .entry(binding.kind.clone())
            .or_insert_with(|| Kind { attributes: binding.attributes.clone(), resolved });
        kind.resolved &= resolved;
        if kind.attributes != binding.attributes {
            findings.push(Finding::of_config(
                format!("`{}` is bound with different attributes in two places", binding.kind),
                "give a kind the same attributes everywhere, or two kinds",
            ));
        }
    }
    kinds
}

fn is_kind(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
        && !RESERVED.contains(&name)
        && entities::entity_type(name).is_some()
}
