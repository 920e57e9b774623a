//! What must hold for any bytes. Each target panics if it does not; refusing bytes is always fine.
//! The crates run the same checks over `seeds/` in their ordinary tests, by including these files.

mod frame;
mod json;
pub mod made;
mod proof;
mod receipt;
mod segment;
mod sse;

/// One target: its name, also that of its folder of seeds, and what runs it.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("frame", frame),
    ("json", json),
    ("proof", proof),
    ("receipt", receipt),
    ("segment", segment),
    ("sse", sse),
];

/// JSON-RPC frames, from clients and from servers.
pub fn frame(bytes: &[u8]) {
    frame::check(bytes);
}

/// Strict JSON and its canonical form.
pub fn json(bytes: &[u8]) {
    json::check(bytes);
}

/// Proofs, checkpoints and keys.
pub fn proof(bytes: &[u8]) {
    proof::check(bytes);
}

/// Receipts as leaves.
pub fn receipt(bytes: &[u8]) {
    receipt::check(bytes);
}

/// Segments of a ledger.
pub fn segment(bytes: &[u8]) {
    segment::check(bytes);
}

/// Server-sent events.
pub fn sse(bytes: &[u8]) {
    sse::check(bytes);
}
