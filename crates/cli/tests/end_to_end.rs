//! The real binary, from outside: processes, files, signals and raw HTTP on loopback, a CRM behind it.
//! Assertions are about exit codes, replies and the CRM's own log.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a program that does not do what it should is a failed test"
)]

mod end_to_end {
    mod commands;
    mod crash;
    mod credentials;
    mod deployment;
    mod door;
    mod grants;
    mod http;
    mod identity;
    mod log_key;
    mod obligations;
    mod people;
    mod policies;
    mod registry;
    mod reload;
    mod revocation;
    mod sessions;
}
