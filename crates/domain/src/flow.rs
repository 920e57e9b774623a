//! What a run has done and seen before a call, as far as policies read it: labels, counts, provenance of arguments.
//! Part of the access request, so that decisions replay. Who keeps it is the engine; the rule is docs/policies/flow.md.

use std::collections::{BTreeMap, BTreeSet};

use crate::{HistoryName, Json, Label, Object, Provenance};

/// What a run carries into a call. Members are `None` where no policy in force reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// Labels that the run and its family carry.
    pub labels: Option<BTreeSet<Label>>,
    /// How many earlier calls each declared history counts.
    pub history: Option<BTreeMap<HistoryName, i64>>,
    /// Where the values of the arguments were found.
    pub provenance: Option<Provenance>,
    /// What the call itself does to the run.
    pub effect: FlowEffect,
}

/// What a call does to its run if it is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowEffect {
    /// Labels it puts on the run.
    pub adds: BTreeSet<Label>,
    /// Histories that it may count for; which outcome counts is the history's matter.
    pub counts: Vec<HistoryName>,
    /// Whose words the answer is, where provenance is followed.
    pub reads: Option<Trust>,
}

/// Whether what a tool says is the organisation's own word. Closed: what is not named as trusted is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Strangers cannot write what it says.
    Trusted,
    /// Anything else.
    Untrusted,
}

impl Trust {
    /// The word receipts use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Untrusted => "untrusted",
        }
    }
}

impl FlowEffect {
    /// Whether the call leaves no trace on its run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.adds.is_empty() && self.counts.is_empty() && self.reads.is_none()
    }
}

impl Flow {
    /// The receipt's `flow`; empty if there is nothing to say.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let mut told = Object::new();
        if let Some(labels) = self.labels.as_ref().filter(|labels| !labels.is_empty()) {
            told.set("labels", names(labels));
        }
        if let Some(history) = self.history.as_ref().filter(|history| !history.is_empty()) {
            let counts = history.iter().fold(Object::new(), |all, (name, count)| {
                all.with(name.as_str(), (*count).clamp(0, crate::limits::JSON_INTEGER))
            });
            told.set("history", counts);
        }
        if let Some(provenance) = self.provenance.as_ref().filter(|provenance| !provenance.is_empty()) {
            told.set("provenance", provenance.to_json());
        }
        if !self.effect.adds.is_empty() {
            told.set("adds", names(&self.effect.adds));
        }
        if !self.effect.counts.is_empty() {
            told.set("counts", self.effect.counts.iter().map(HistoryName::as_str).collect::<Vec<_>>());
        }
        told.with_some("reads", self.effect.reads.map(Trust::as_str))
    }
}

impl Flow {
    /// Reads back what [`Flow::to_json`] wrote of a run. Members that are not there were not looked up, or were empty.
    #[must_use]
    pub fn of_json(told: &Json) -> Self {
        let labels = told.member("labels").and_then(Json::as_array);
        let history = told.member("history").and_then(Json::as_object);
        Self {
            labels: labels.map(|all| all.iter().filter_map(|label| label.as_str()?.parse().ok()).collect()),
            history: history.map(|counts| {
                let counts = counts.members();
                counts.filter_map(|(name, count)| Some((name.parse().ok()?, count.as_integer()?))).collect()
            }),
            provenance: told.member("provenance").map(Provenance::of_json),
            effect: FlowEffect::of_receipt(told),
        }
    }
}

fn names(labels: &BTreeSet<Label>) -> Vec<&str> {
    labels.iter().map(Label::as_str).collect()
}

impl FlowEffect {
    /// Reads back what [`Flow::to_json`] wrote of the effect. What is not there was not done.
    #[must_use]
    pub fn of_receipt(flow: &Json) -> Self {
        let texts = |key: &str| {
            let listed = flow.member(key).and_then(Json::as_array).unwrap_or_default();
            listed.iter().filter_map(Json::as_str)
        };
        Self {
            adds: texts("adds").filter_map(|label| label.parse().ok()).collect(),
            counts: texts("counts").filter_map(|name| name.parse().ok()).collect(),
            reads: match flow.member("reads").and_then(Json::as_str) {
                Some("trusted") => Some(Trust::Trusted),
                Some(_) => Some(Trust::Untrusted),
                None => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_read_back_from_its_receipt() {
        let effect = FlowEffect {
            adds: BTreeSet::from(["secret".parse().unwrap()]),
            counts: vec!["sent".parse().unwrap()],
            reads: Some(Trust::Untrusted),
        };
        let mut provenance = Provenance::default();
        provenance.put("to", crate::Source::Untrusted);
        let flow = Flow {
            labels: Some(BTreeSet::from(["pii".parse().unwrap()])),
            history: Some(BTreeMap::from([("sent".parse().unwrap(), 2)])),
            provenance: Some(provenance),
            effect: effect.clone(),
        };
        assert_eq!(FlowEffect::of_receipt(&flow.to_json().into()), effect);
        assert_eq!(Flow::of_json(&flow.to_json().into()), flow);
        assert!(Flow::default().to_json().is_empty());
        assert!(FlowEffect::of_receipt(&Json::Null).is_empty());
    }
}
