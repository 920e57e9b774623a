//! What the engine promises, acted out: agents, people and upstream systems around a real engine on ports in memory.
//! Assertions are about receipts, replies and the upstream's own log. The rules are the invariants of ARCHITECTURE.md.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a wrong name in a test is a failed test"
)]

mod scenarios {
    mod approvals;
    mod approvers;
    mod binding;
    mod credentials;
    mod crm;
    mod evaluations;
    mod events;
    mod exchange;
    mod facts;
    mod failures;
    mod flow;
    mod gated;
    mod grants;
    mod halts;
    mod identity;
    mod limits;
    mod logins;
    mod obligations;
    mod obliged;
    mod opinions;
    mod policies;
    mod receipts;
    mod recovery;
    mod registry;
    mod replay;
    mod revisions;
    mod risk;
    mod scope;
    mod sent;
    mod signed;
    mod trials;
    mod year;
}
