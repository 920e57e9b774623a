//! The engine: the pipeline every call takes, the life-cycles around it, and the ports it reaches the world by.
//! It knows no vendor and no wire format; `pipeline.rs` is the file to read first.

mod approvals;
mod attempt;
mod caller;
mod catalogue;
mod coaz;
mod credentials;
mod directory;
mod duties;
mod ended;
mod engine;
mod evaluate;
mod events;
mod external;
#[cfg(test)]
mod flatness;
mod flow;
mod grants;
mod halts;
mod inquiry;
mod instances;
mod judged;
mod keys;
mod limits;
mod listing;
mod logins;
mod passage;
mod petition;
mod pipeline;
mod placet;
mod policies;
pub mod ports;
mod record;
mod recover;
mod registry;
mod resolve;
mod risk;
mod route;
mod scope;
mod search;
mod settle;

pub use approvals::{AnswerError, AnswerRequest};
pub use attempt::{Attempt, Receipts, Reply};
pub use caller::{Caller, Credential};
pub use catalogue::{ToolState, ToolStatus};
pub use credentials::{
    DpopRule, Form, IssuerKind, KeySource, OAuthAnswer, OAuthRequest, Presented, TrustedIssuer,
};
pub use directory::{DirectoryError, GroupDraft, KeyRequest, MadeKey, UserDraft};
pub use engine::{Engine, EngineConfig};
pub use evaluate::{Asking, Evaluation};
pub use events::EventError;
pub use external::{ExternalPoint, Objection};
pub use grants::{GrantError, GrantWish};
pub use halts::HaltError;
pub use inquiry::{Application, Asked, DecisionRules, Inquiry, Vocabulary};
pub use instances::{StartError, StartRequest, Started};
pub use keys::{LogKeyChange, RotateError, Rotation};
pub use limits::Counter;
pub use logins::UpstreamLoginError;
pub use passage::{Passage, PassageKind};
pub use petition::{Offer, PetitionError};
pub use placet::Placet;
pub use policies::{
    Activation, Aim, Candidate, CandidateKind, Difference, Differing, Flip, Forgotten, KeptError, Origin,
    PolicyRules, Promoted, Promotion, ReloadError, Replayed, SecondPerson, Shift, Standing, TriedCounts,
    UnknownWord, Unused, signature_file, signature_in, text_to_sign,
};
pub use ports::Ports;
pub use recover::Settled;
pub use registry::{
    ChangeError, DefaultScope, Dossier, HistoryEntry, LifeNotice, Lookup, NoPerson, ParseLookupError,
    ProposalAnswer, RegisterError, Registration, RegistryRules, Step, StepKind, Ticked, Usage, Used, Who,
};
pub use risk::{AnomalyHook, Silence};
pub use route::{Route, RouteError};
pub use search::{Found, Match, Page, Wanted};
