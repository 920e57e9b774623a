//! What is declared about the flow of a run (labels, histories, provenance), bound to actions when a snapshot is made,
//! and read by policies as `context.labels`, `context.history`, `context.provenance`. The rule is docs/policies/flow.md.

mod kept;
mod path;
mod supposed;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use cedar_policy_core::ast::Value;
use placet_domain::{
    Flow, FlowEffect, HistoryName, Json, Label, Object, PersonName, ResourceFacts, Source, ToolCall, Trust,
    limits,
};
use smol_str::SmolStr;

use crate::entities::{texts, value};
use crate::model::{Action, GROUPS, Model};
use crate::{Finding, Snapshot};

pub use kept::UnknownCounted;
pub use path::{DirectoryPath, ParseDirectoryPathError};

/// What is declared. Names of actions are those of policies: `<connector>.<tool>`, `<connector>.<method>`, a group
/// such as `send`, or a connector for all it has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlowConfig {
    /// What puts labels on a run.
    pub labels: Vec<LabelRule>,
    /// What is counted.
    pub history: BTreeMap<HistoryName, HistoryRule>,
    /// Whose words are believed; without it provenance is not followed.
    pub provenance: Option<ProvenanceConfig>,
}

/// Whoever sends a call of these actions carries the labels from then on.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelRule {
    /// The labels.
    pub labels: Vec<Label>,
    /// The actions.
    pub actions: Vec<String>,
    /// Only where a fact of the call's resource is this.
    pub when: Option<FactIs>,
}

/// A condition on a looked-up fact. A fact that is not known fulfils it: the label is put on.
#[derive(Debug, Clone, PartialEq)]
pub struct FactIs {
    /// The attribute of the resource.
    pub attribute: String,
    /// Its value, or a member of it if it is a set.
    pub is: Json,
}

/// A kind of earlier calls that is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRule {
    /// The actions.
    pub actions: Vec<String>,
    /// Which of their calls.
    pub counts: Counted,
    /// Only those of so long before the call; the whole life of the run if absent.
    pub within: Option<Duration>,
}

/// Which calls a history counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counted {
    /// Those that were allowed, whatever came of them.
    #[default]
    Allowed,
    /// All that were judged.
    Attempted,
    /// Those that were refused, for whatever reason.
    Refused,
    /// Those that a tool has answered with a result.
    Succeeded,
}

/// Whose words are believed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProvenanceConfig {
    /// Actions whose answers no stranger can write into. All others are untrusted.
    pub trusted: Vec<String>,
    /// Answers that are directories: at these paths.
    pub directory: Vec<DirectorySource>,
    /// Values known for good to everybody.
    pub known: Vec<String>,
    /// Values known for good to one person, for runs on their behalf.
    pub known_to: BTreeMap<PersonName, Vec<String>>,
    /// Whether the mandate counts that an agent has stated itself, by its own credential.
    pub believe_agents: bool,
}

/// A tool whose answers hold the user's own directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectorySource {
    /// The actions.
    pub actions: Vec<String>,
    /// Where the known values are in their answers.
    pub paths: Vec<DirectoryPath>,
}

impl FlowConfig {
    /// Whether nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.history.is_empty() && self.provenance.is_none()
    }

    /// What a revision names. Known values are not part of it: they are inputs, and who adds a contact has not
    /// changed a rule.
    pub(crate) fn canonical(&self) -> Object {
        let labels: Vec<Json> = self.labels.iter().map(LabelRule::canonical).collect();
        let history = self.history.iter().fold(Object::new(), |all, (name, rule)| {
            let within = rule.within.map(|within| i64::try_from(within.as_micros()).unwrap_or(i64::MAX));
            let rule = Object::new()
                .with("actions", rule.actions.clone())
                .with("counts", rule.counts.as_str())
                .with_some("within_us", within);
            all.with(name.as_str(), rule)
        });
        let provenance = self.provenance.as_ref().map(|provenance| {
            let directory: Vec<Json> = provenance
                .directory
                .iter()
                .map(|source| {
                    let paths: Vec<String> = source.paths.iter().map(ToString::to_string).collect();
                    Object::new().with("actions", source.actions.clone()).with("paths", paths).into()
                })
                .collect();
            Object::new().with("directory", directory).with("trusted", provenance.trusted.clone())
        });
        Object::new().with("history", history).with("labels", labels).with_some("provenance", provenance)
    }

    fn check(&self, findings: &mut Vec<Finding>) {
        let labels: BTreeSet<&Label> = self.labels.iter().flat_map(|rule| &rule.labels).collect();
        for (count, most, what) in
            [(labels.len(), limits::LABELS, "labels"), (self.history.len(), limits::HISTORIES, "histories")]
        {
            if count > most {
                findings.push(Finding::of_config(
                    format!("{count} {what} are declared, at most {most} can be"),
                    "declare fewer",
                ));
            }
        }
    }
}

impl LabelRule {
    fn canonical(&self) -> Json {
        let when = self
            .when
            .as_ref()
            .map(|when| Object::new().with("attribute", when.attribute.as_str()).with("is", when.is.clone()));
        let labels: Vec<&str> = self.labels.iter().map(Label::as_str).collect();
        Object::new()
            .with("actions", self.actions.clone())
            .with("labels", labels)
            .with_some("when", when)
            .into()
    }
}

impl FactIs {
    fn holds(&self, facts: Option<&ResourceFacts>) -> bool {
        match facts.and_then(|facts| facts.attributes.member(&self.attribute)) {
            Some(Json::Array(members)) => members.contains(&self.is),
            Some(Json::Null) | None => true,
            Some(fact) => *fact == self.is,
        }
    }
}

/// What is declared about one action.
#[derive(Debug, Default)]
pub(crate) struct ActionFlow {
    adds: Vec<(Label, Option<FactIs>)>,
    counts: Vec<HistoryName>,
    reads: Option<Trust>,
    directory: Vec<DirectoryPath>,
}

/// What is declared, as the schema shows it.
#[derive(Debug, Default)]
pub(crate) struct FlowNames {
    labels: bool,
    history: Vec<HistoryName>,
    provenance: bool,
}

/// Binds what is declared to the actions. A name that fits none is a finding: a label that a typing mistake keeps off is
/// a door left open.
pub(crate) fn bind(model: &mut Model, config: &FlowConfig, findings: &mut Vec<Finding>) {
    if config.is_empty() {
        return;
    }
    config.check(findings);
    let names: BTreeSet<String> =
        model.actions().flat_map(|action| action.groups.iter().chain([&action.name])).cloned().collect();
    let known = |name: &String| names.contains(name) || GROUPS.iter().any(|(group, _)| group == name);
    let mut check = |what: &str, actions: &[String]| {
        if actions.is_empty() {
            findings.push(Finding::of_config(format!("{what} names no action"), "name at least one"));
        }
        for name in actions.iter().filter(|name| !known(name)) {
            findings.push(Finding::of_config(
                format!("{what} names `{name}`, which is no action, group or connector"),
                "correct the name, or accept the tool first",
            ));
        }
    };
    for rule in &config.labels {
        check("`[[label]]`", &rule.actions);
    }
    for (name, rule) in &config.history {
        check(&format!("`[history.{name}]`"), &rule.actions);
    }
    for source in config.provenance.iter().flat_map(|provenance| &provenance.directory) {
        check("`[[provenance.directory]]`", &source.actions);
    }
    if let Some(provenance) = config.provenance.as_ref().filter(|one| !one.trusted.is_empty()) {
        check("`provenance.trusted`", &provenance.trusted);
    }
    model.flow = FlowNames {
        labels: !config.labels.is_empty(),
        history: config.history.keys().cloned().collect(),
        provenance: config.provenance.is_some(),
    };
    model.actions_mut().for_each(|action| action.flow = of_action(action, config));
}

fn of_action(action: &Action, config: &FlowConfig) -> ActionFlow {
    let is_one_of =
        |names: &[String]| names.iter().any(|name| *name == action.name || action.groups.contains(name));
    let mut flow = ActionFlow::default();
    for rule in config.labels.iter().filter(|rule| is_one_of(&rule.actions)) {
        flow.adds.extend(rule.labels.iter().map(|label| (label.clone(), rule.when.clone())));
    }
    let counting = config.history.iter().filter(|(_, rule)| is_one_of(&rule.actions));
    flow.counts = counting.map(|(name, _)| name.clone()).collect();
    if let Some(provenance) = &config.provenance {
        let trusted = is_one_of(&provenance.trusted);
        flow.reads = Some(if trusted { Trust::Trusted } else { Trust::Untrusted });
        let sources = provenance.directory.iter().filter(|source| is_one_of(&source.actions));
        flow.directory = sources.flat_map(|source| source.paths.iter().cloned()).collect();
    }
    flow
}

impl FlowNames {
    /// Members of an action's context in Cedar's schema syntax, each on a line.
    pub(crate) fn schema(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        if !self.history.is_empty() {
            let names: Vec<String> = self
                .history
                .iter()
                .map(|name| format!("\"{}\": Long", name.as_str().escape_debug()))
                .collect();
            let _ = write!(text, "\n    history: {{ {} }},", names.join(", "));
        }
        if self.labels {
            text.push_str("\n    labels: Set<String>,");
        }
        if self.provenance {
            let names: Vec<String> =
                Source::ALL.iter().map(|source| format!("{}: Set<String>", source.as_str())).collect();
            let _ = write!(text, "\n    provenance: {{ {} }},", names.join(", "));
        }
        text
    }
}

impl Snapshot {
    /// What a call does to its run, if it is sent.
    #[must_use]
    pub fn flow_effect(&self, call: &ToolCall, facts: Option<&ResourceFacts>) -> FlowEffect {
        let Some(action) = self.model.action(call.connector(), call.operation()) else {
            return FlowEffect::default();
        };
        let holds = |when: &Option<FactIs>| when.as_ref().is_none_or(|when| when.holds(facts));
        FlowEffect {
            adds: action
                .flow
                .adds
                .iter()
                .filter(|(_, when)| holds(when))
                .map(|(one, _)| one.clone())
                .collect(),
            counts: action.flow.counts.clone(),
            reads: action.flow.reads,
        }
    }

    /// Where the answer of a call holds values of a directory.
    #[must_use]
    pub fn directory_paths(&self, call: &ToolCall) -> &[DirectoryPath] {
        self.model
            .action(call.connector(), call.operation())
            .map_or(&[], |action| action.flow.directory.as_slice())
    }

    /// Whether a policy in force may read the labels.
    #[must_use]
    pub fn reads_labels(&self) -> bool {
        self.model.flow.labels && self.mentions.reads("labels")
    }

    /// Whether a policy in force may read the histories.
    #[must_use]
    pub fn reads_history(&self) -> bool {
        !self.model.flow.history.is_empty() && self.mentions.reads("history")
    }

    /// Whether a policy in force may read where arguments come from.
    #[must_use]
    pub fn reads_provenance(&self) -> bool {
        self.model.flow.provenance && self.mentions.reads("provenance")
    }

    /// The members of the context; what policies read and nobody has looked up is an error.
    pub(crate) fn flow_context(
        &self,
        flow: &Flow,
        members: &mut Vec<(SmolStr, Value)>,
    ) -> Result<(), String> {
        if self.reads_labels() {
            let labels = flow.labels.as_ref().ok_or_else(|| missing("labels"))?;
            members.push((SmolStr::new_static("labels"), texts(labels.iter().map(Label::as_str))));
        }
        if self.reads_history() {
            let known = flow.history.as_ref().ok_or_else(|| missing("history"))?;
            let mut counts = Vec::with_capacity(self.model.flow.history.len());
            for name in &self.model.flow.history {
                let count = known.get(name).ok_or_else(|| missing(&format!("history.{name}")))?;
                counts.push((SmolStr::new(name.as_str()), value(*count)));
            }
            members.push((SmolStr::new_static("history"), Value::record(counts, None)));
        }
        if self.reads_provenance() {
            let provenance = flow.provenance.as_ref().ok_or_else(|| missing("provenance"))?;
            let sources = Source::ALL
                .map(|source| (SmolStr::new_static(source.as_str()), texts(provenance.paths(source))));
            members.push((SmolStr::new_static("provenance"), Value::record(sources, None)));
        }
        Ok(())
    }
}

fn missing(what: &str) -> String {
    format!("`context.{what}` is read and was not looked up")
}

#[cfg(test)]
mod tests;
