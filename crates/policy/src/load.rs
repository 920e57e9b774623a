//! From texts to a snapshot: parse, lint, validate strictly, index. Nothing is skipped, and every finding is told.

mod validator;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Policy, PolicyId, PolicySet, ValidationMode, ValidationWarning, Validator,
};
use miette::Diagnostic;
use placet_domain::PolicyRevision;

use crate::index::{Index, Place, Reach};
use crate::mentions::Mentions;
use crate::model::{APPROVE, GRANT, Model};
use crate::moment::Constructors;
use crate::parsed::annotation;
use crate::position::Lines;
use crate::rule::Rule;
use crate::{Finding, LoadErrors, PolicyConfig, PolicySource, Snapshot, guard, lint};

/// Enough for the deepest condition that the lint accepts, in a debug build too. Untouched pages cost nothing.
const STACK_BYTES: usize = 64 * 1024 * 1024;
const CANNOT_FIRE: &str = "this rule can never fire against the pinned tools; correct it or take it away";

/// Loads a set; `mentions` are names to count as read besides those that the policies read.
///
/// It runs on a stack of its own: Cedar's validator passes a condition that is too deep for its stack without a
/// word, so what is validated must not depend on the caller's stack.
pub(crate) fn load(
    sources: &[PolicySource],
    config: &PolicyConfig,
    mentions: Mentions,
) -> Result<Snapshot, LoadErrors> {
    on_a_stack_of_its_own(|| read_set(sources, config, mentions))
}

/// Runs a loader where its depth does not depend on the caller.
pub(crate) fn on_a_stack_of_its_own<T: Send>(
    load: impl FnOnce() -> Result<T, LoadErrors> + Send,
) -> Result<T, LoadErrors> {
    let failed = |why: &str| {
        Err(LoadErrors::new(vec![Finding::of_config(
            format!("the policies could not be read: {why}"),
            "try again",
        )]))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("policy-load".to_owned()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, load) {
            Ok(running) => running.join().unwrap_or_else(|_| failed("the loader broke off")),
            Err(error) => failed(&error.to_string()),
        }
    })
}

fn read_set(
    sources: &[PolicySource],
    config: &PolicyConfig,
    mut mentions: Mentions,
) -> Result<Snapshot, LoadErrors> {
    let mut findings = Vec::new();
    let mut model = Model::new(config, &mut findings);
    let text = model.schema();
    let validator = read_schema(&text, &mut findings);
    let mut loader = Loader { findings, ..Loader::default() };
    let read = loader.read_all(sources);
    if let Some(validator) = validator {
        loader.validate(&read, &validator);
    }
    if !loader.findings.is_empty() {
        return Err(LoadErrors::new(loader.findings));
    }
    read.iter().filter_map(|one| one.rule.condition.as_deref()).for_each(|condition| mentions.add(condition));
    model.mark_read(&|name| mentions.reads(name));
    let revision = config.revision(sources);
    let rehearsal = read
        .iter()
        .any(|one| one.rule.shadow)
        .then(|| rehearsal(&read, &mentions, config, revision))
        .map(Box::new);
    let mut snapshot = bare(model, mentions, text, config);
    snapshot.revision = revision;
    snapshot.warnings = loader.warnings;
    snapshot.rehearsal = rehearsal;
    put_rules(
        &mut snapshot,
        read.into_iter().filter(|one| !one.rule.shadow).map(|one| (one.rule, one.actions)),
    );
    Ok(snapshot)
}

/// The set as if its shadow policies counted.
fn rehearsal(
    read: &[Read],
    mentions: &Mentions,
    config: &PolicyConfig,
    revision: PolicyRevision,
) -> Snapshot {
    let mut model = Model::new(config, &mut Vec::new());
    model.mark_read(&|name| mentions.reads(name));
    let mut snapshot = bare(model, mentions.clone(), String::new(), config);
    snapshot.revision = revision;
    put_rules(&mut snapshot, read.iter().map(|one| (one.rule.clone(), one.actions.clone())));
    snapshot
}

pub(crate) fn empty(config: &PolicyConfig) -> Snapshot {
    let mut warnings = Vec::new();
    let model = Model::new(config, &mut warnings);
    let text = model.schema();
    let mut snapshot = bare(model, Mentions::default(), text, config);
    snapshot.warnings = warnings;
    snapshot
}

fn bare(model: Model, mentions: Mentions, schema: String, config: &PolicyConfig) -> Snapshot {
    Snapshot {
        index: Index::new(model.count()),
        model,
        rules: Vec::new(),
        approving: Vec::new(),
        granting: Vec::new(),
        grants: config.grants.clone(),
        mentions,
        constructors: Constructors::new(),
        require_user_grants: config.require_user_grants,
        revision: config.revision(&[]),
        schema,
        warnings: Vec::new(),
        rehearsal: None,
    }
}

fn read_schema(text: &str, findings: &mut Vec<Finding>) -> Option<Arc<Validator>> {
    match validator::of_schema(text) {
        Ok(validator) => Some(validator),
        Err(error) => {
            let help = error.help().map(|help| format!(": {help}")).unwrap_or_default();
            findings.push(Finding::of_config(
                format!("the tools and bindings make no Cedar schema: {error}{help}"),
                "look at the names of resource kinds, attributes and facts",
            ));
            None
        }
    }
}

/// A policy that passed the lint.
pub(crate) struct Read {
    pub(crate) rule: Rule,
    actions: ActionConstraint,
    pub(crate) policy: Policy,
}

/// Where a policy comes from.
struct Origin<'a> {
    file: &'a str,
    lines: std::rc::Rc<Lines<'a>>,
    line: usize,
}

/// Reads texts and keeps what is wrong with them.
#[derive(Default)]
pub(crate) struct Loader<'a> {
    sources: BTreeMap<String, Origin<'a>>,
    findings: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl<'a> Loader<'a> {
    pub(crate) fn read_all(&mut self, sources: &'a [PolicySource]) -> Vec<Read> {
        let mut sources: Vec<&PolicySource> = sources.iter().collect();
        sources.sort_by(|left, right| left.name.cmp(&right.name));
        for pair in sources.windows(2) {
            if let [left, right] = pair
                && left.name == right.name
            {
                self.findings.push(finding(
                    &left.name,
                    None,
                    None,
                    "two files have this name".to_owned(),
                    None,
                ));
            }
        }
        sources.into_iter().flat_map(|source| self.read(source)).collect()
    }

    fn read(&mut self, source: &'a PolicySource) -> Vec<Read> {
        let lines = std::rc::Rc::new(Lines::of(&source.text));
        if let Err((offset, message)) = guard::within_limits(&source.text) {
            self.findings.push(finding(&source.name, Some(lines.locate(offset)), None, message, None));
            return Vec::new();
        }
        let set: PolicySet = match source.text.parse() {
            Ok(set) => set,
            Err(errors) => {
                let errors: &cedar_policy::ParseErrors = &errors;
                for error in errors.iter() {
                    let place = first_label(error).map(|offset| lines.locate(offset));
                    let help = error.help().map(|help| help.to_string());
                    self.findings.push(finding(&source.name, place, None, error.to_string(), help));
                }
                return Vec::new();
            }
        };
        for template in set.templates() {
            let help = Some("write a policy without `?principal` and `?resource`".to_owned());
            let inner: &cedar_policy_core::ast::Template = template.as_ref();
            let place = inner.loc().map(|loc| lines.locate(loc.start()));
            self.findings.push(finding(
                &source.name,
                place,
                None,
                "templates are not used here".to_owned(),
                help,
            ));
        }
        let mut policies: Vec<(usize, &Policy)> =
            set.policies().map(|policy| (offset(policy), policy)).collect();
        policies.sort_by_key(|(offset, _)| *offset);
        policies
            .into_iter()
            .filter_map(|(offset, policy)| self.accept(source, &lines, offset, policy))
            .collect()
    }

    /// Lints one policy and gives it its `@id` for a name.
    fn accept(
        &mut self,
        source: &'a PolicySource,
        lines: &std::rc::Rc<Lines<'a>>,
        offset: usize,
        policy: &Policy,
    ) -> Option<Read> {
        let (line, column) = lines.locate(offset);
        let id = annotation(policy, "id");
        let mut complain = |message, help| {
            self.findings.push(finding(&source.name, Some((line, column)), id, message, Some(help)));
        };
        let (rule, actions) = match lint::read(policy) {
            Ok(read) => read,
            Err(complaints) => {
                complaints.into_iter().for_each(|(message, help)| complain(message, help));
                return None;
            }
        };
        if let Some(other) = self.sources.get(rule.id.as_str()) {
            let message = format!("another policy has this `@id`: {}:{}", other.file, other.line);
            complain(message, "give each policy an id of its own".to_owned());
            return None;
        }
        let place = Origin { file: &source.name, lines: std::rc::Rc::clone(lines), line };
        self.sources.insert(rule.id.to_string(), place);
        let policy = policy.new_id(PolicyId::new(rule.id.as_str()));
        Some(Read { rule, actions, policy })
    }

    /// Cedar's strict validation. What can never be true is an error as well.
    pub(crate) fn validate(&mut self, read: &[Read], validator: &Validator) {
        let set = match PolicySet::from_policies(read.iter().map(|one| one.policy.clone())) {
            Ok(set) => set,
            Err(error) => {
                self.findings
                    .push(Finding::of_config(error.to_string(), "give each policy an id of its own"));
                return;
            }
        };
        let result = validator.validate(&set, ValidationMode::Strict);
        for error in result.validation_errors() {
            let found = self.located(error.policy_id(), error, None);
            self.findings.push(found);
        }
        for warning in result.validation_warnings() {
            let found = |help| self.located(warning.policy_id(), warning, help);
            match warning {
                ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_) => {
                    let found = found(Some(CANNOT_FIRE));
                    self.findings.push(found);
                }
                ValidationWarning::BidiCharsInString(_) | ValidationWarning::BidiCharsInIdentifier(_) => {
                    let found =
                        found(Some("take the invisible characters away: they hide what the rule says"));
                    self.findings.push(found);
                }
                other => {
                    let found = self.located(other.policy_id(), other, None);
                    self.warnings.push(found);
                }
            }
        }
    }

    /// The file and first line of a policy that was read.
    pub(crate) fn origin(&self, id: &placet_domain::PolicyId) -> Option<(&'a str, usize)> {
        self.sources.get(id.as_str()).map(|place| (place.file, place.line))
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    fn located(&self, id: &PolicyId, what: &dyn Diagnostic, help: Option<&str>) -> Finding {
        let id: &str = id.as_ref();
        let help = match help {
            Some(help) => Some(help.to_owned()),
            None => what.help().map(|help| help.to_string()),
        };
        match self.sources.get(id) {
            Some(place) => {
                let at = first_label(what).map_or((place.line, 1), |offset| place.lines.locate(offset));
                finding(place.file, Some(at), Some(id), what.to_string(), help)
            }
            None => finding("policies", None, Some(id), what.to_string(), help),
        }
    }
}

fn finding(
    file: &str,
    place: Option<(usize, usize)>,
    policy: Option<&str>,
    message: String,
    help: Option<String>,
) -> Finding {
    let (line, column) = place.unzip();
    Finding { file: file.to_owned(), line, column, policy: policy.map(str::to_owned), message, help }
}

fn first_label(what: &(impl Diagnostic + ?Sized)) -> Option<usize> {
    what.labels()?.next().map(|label| label.offset())
}

fn offset(policy: &Policy) -> usize {
    let inner: &cedar_policy_core::ast::Policy = policy.as_ref();
    inner.loc().map_or(0, |loc| loc.start())
}

fn put_rules(snapshot: &mut Snapshot, rules: impl Iterator<Item = (Rule, ActionConstraint)>) {
    let mut numbers: HashMap<String, Vec<usize>> = HashMap::new();
    for action in snapshot.model.actions() {
        for name in action.groups.iter().chain([&action.name]) {
            numbers.entry(name.clone()).or_default().push(action.number);
        }
    }
    for (mut rule, actions) in rules {
        let place = Place::try_from(snapshot.rules.len()).unwrap_or(Place::MAX);
        let (reach, special) = reach(&actions, &numbers);
        rule.of_caller &= !(snapshot.reads_risk() && reads_risk(&rule));
        rule.of_calls = reach != Reach::Of(Vec::new());
        snapshot.index.add(&snapshot.model.types, place, &rule, &reach);
        if special.contains(&APPROVE) {
            snapshot.approving.push(place);
        }
        let any = matches!(actions, ActionConstraint::Any);
        if any || special.contains(&GRANT) {
            snapshot.granting.push((place, !any));
        }
        snapshot.rules.push(rule);
    }
}

/// Whether a rule reads the risk, which is a matter of the call where it is declared.
fn reads_risk(rule: &Rule) -> bool {
    rule.condition.as_deref().is_some_and(|condition| {
        let mut mentions = Mentions::default();
        mentions.add(condition);
        mentions.reads("risk")
    })
}

/// The actions of a scope, and which of them are about people.
fn reach(actions: &ActionConstraint, numbers: &HashMap<String, Vec<usize>>) -> (Reach, Vec<&'static str>) {
    let named: Vec<&str> = match actions {
        ActionConstraint::Any => return (Reach::Any, vec![APPROVE, GRANT]),
        ActionConstraint::Eq(uid) => vec![uid.id().unescaped()],
        ActionConstraint::In(uids) => uids.iter().map(|uid| uid.id().unescaped()).collect(),
    };
    let mut found: Vec<usize> =
        named.iter().filter_map(|name| numbers.get(*name)).flatten().copied().collect();
    found.sort_unstable();
    found.dedup();
    let special = [APPROVE, GRANT].into_iter().filter(|name| named.contains(name)).collect();
    (Reach::Of(found), special)
}

#[cfg(test)]
mod tests;
