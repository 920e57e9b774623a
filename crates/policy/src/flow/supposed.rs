//! What a test says of its run, completed: nothing else was read or done, and every other value comes from nowhere.

use placet_domain::{Flow, FlowEffect, Json, Provenance, Source, ToolCall};

use crate::{Snapshot, binding};

impl Snapshot {
    /// The flow that a test supposes for its call.
    ///
    /// # Errors
    /// A history that is not declared; in words.
    pub(crate) fn supposed_flow(&self, told: &Flow, call: &ToolCall) -> Result<Flow, String> {
        let declared = &self.model.flow.history;
        let mut history = told.history.clone().unwrap_or_default();
        if let Some(unknown) = history.keys().find(|name| !declared.contains(name)) {
            return Err(format!("history `{unknown}` is not declared in the configuration"));
        }
        for name in declared {
            history.entry(name.clone()).or_insert(0);
        }
        let given = told.provenance.clone().unwrap_or_default();
        let mut provenance = Provenance::default();
        for (name, value) in binding::arguments(call).iter().flat_map(|arguments| arguments.members()) {
            trace(name, value, Source::Unknown, &given, &mut provenance);
        }
        // A path that the call does not have would be a test of nothing.
        let mut paths = Source::ALL.into_iter().flat_map(|source| given.paths(source));
        if let Some(path) = paths.find(|path| provenance.source(path).is_none()) {
            return Err(format!("`provenance` names `{path}`, which is not among the arguments"));
        }
        Ok(Flow {
            labels: Some(told.labels.clone().unwrap_or_default()),
            history: Some(history),
            provenance: Some(provenance),
            effect: FlowEffect::default(),
        })
    }
}

/// Notes the source of everything at and below a path: what is told of the nearest path above it.
fn trace(path: &str, value: &Json, above: Source, told: &Provenance, found: &mut Provenance) {
    let source = told.source(path).unwrap_or(above);
    match value {
        Json::Object(members) => {
            for (name, member) in members.members() {
                trace(&format!("{path}.{name}"), member, source, told, found);
            }
        }
        Json::Array(members) => members.iter().for_each(|member| trace(path, member, source, told, found)),
        Json::Null | Json::Bool(_) => {}
        Json::String(text) if text.is_empty() => {}
        Json::Number(_) | Json::String(_) => found.put(path, source),
    }
}
