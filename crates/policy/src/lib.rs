//! Cedar policies: a schema from the pinned tools, loading with lint, an index by scope, and the decision.
//! No async, no clock, no I/O. The rules are in ARCHITECTURE.md, "Policy semantics"; no other crate names Cedar.

mod advice;
mod approve;
mod binding;
mod case;
mod compare;
mod condition;
mod config;
mod control;
mod coverage;
mod decide;
mod duty;
mod entities;
mod evaluate;
mod explain;
mod extract;
mod facts;
mod finding;
mod flow;
mod format;
mod granting;
mod guard;
mod index;
mod input;
mod lint;
mod listing;
mod load;
mod manifest;
mod mentions;
mod model;
mod moment;
mod parsed;
mod position;
mod prepare;
mod refute;
mod risk;
mod rule;
mod schema;
mod shape;
mod snapshot;
mod usage;
mod workbench;

pub use binding::{BindError, Binding};
pub use case::{Case, Expectation, ExpectedVerdict, Who};
pub use compare::Comparison;
pub use config::{
    AttributeType, ConnectorModel, FactType, PolicyConfig, PolicySource, Resolver, ResourceBinding,
    UnknownType, UsageRule,
};
pub use control::{ControlAction, ControlGroup, ControlPolicy, Role, Thing, ThingKind, UnknownRole};
pub use coverage::{ConditionCoverage, Coverage, PolicyCoverage};
pub use explain::{Account, Answer, Explanation, Found, Judged};
pub use extract::{Extract, ReplayError};
pub use finding::{Finding, LoadErrors};
pub use flow::{
    Counted, DirectoryPath, DirectorySource, FactIs, FlowConfig, HistoryRule, LabelRule,
    ParseDirectoryPathError, ProvenanceConfig, UnknownCounted,
};
pub use format::formatted;
pub use granting::{GrantRules, Grantor};
pub use listing::Prospect;
pub use manifest::{Manifest, ManifestError, UnboundManifest};
pub use risk::{DeclaredRisk, OffHours, RateRisk, RiskConfig};
pub use snapshot::Snapshot;
pub use workbench::{PolicyPlace, RuleClass, Workbench};
