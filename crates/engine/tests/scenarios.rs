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
    mod crm;
    mod facts;
    mod failures;
    mod gated;
    mod identity;
    mod policies;
    mod receipts;
    mod recovery;
    mod replay;
    mod sent;
}
