//! Cedar policies: a schema from the pinned tools, loading with lint, an index by scope, and the decision.
//! No async, no clock, no I/O. The rules are in ARCHITECTURE.md, "Policy semantics"; no other crate names Cedar.

mod approve;
mod binding;
mod compare;
mod config;
mod control;
mod decide;
mod duty;
mod entities;
mod evaluate;
mod facts;
mod finding;
mod flow;
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
mod position;
mod prepare;
mod refute;
mod rule;
mod schema;
mod shape;
mod snapshot;
mod usage;

pub use binding::{BindError, Binding};
pub use compare::Comparison;
pub use config::{
    AttributeType, ConnectorModel, FactType, PolicyConfig, PolicySource, Resolver, ResourceBinding,
    UnknownType, UsageRule,
};
pub use control::{ControlAction, ControlGroup, ControlPolicy, Role, Thing, ThingKind, UnknownRole};
pub use finding::{Finding, LoadErrors};
pub use flow::{
    Counted, DirectoryPath, DirectorySource, FactIs, FlowConfig, HistoryRule, LabelRule,
    ParseDirectoryPathError, ProvenanceConfig, UnknownCounted,
};
pub use listing::Prospect;
pub use manifest::{Manifest, ManifestError, UnboundManifest};
pub use snapshot::Snapshot;
