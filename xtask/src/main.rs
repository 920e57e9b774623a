//! `cargo xtask NAME`: checks that need other programs, foreign clients or minutes. Not part of the product.
//! Exit codes: 0 the bar is met, 1 it is missed, 2 the check broke, 77 something it needs cannot be had.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a check reports to whoever started it")]

use std::{process::ExitCode, time::Instant};

use crate::failure::Failure;

mod agentdojo;
mod authzen;
mod bench;
mod book;
mod bureau;
mod caller;
mod conformance;
mod conformance_client;
mod corpus;
mod crash;
mod crm;
mod dice;
mod directory;
mod failure;
mod forwarder;
mod fuzz;
mod ledger_foreign;
mod mcp;
mod node;
mod oauth_peers;
mod operator;
mod options;
mod peers;
mod place;
mod process;
mod prove;
mod python;
mod quickstart;
mod quota;
mod race;
mod reload;
mod revocation;
mod tokens;
mod tree;

/// One check: its name, what it does, and how. It takes the options after its name.
type Check = (&'static str, &'static str, fn(&[String]) -> Result<(), Failure>);

const CHECKS: &[Check] = &[
    ("conformance", "the MCP conformance suite, directly and through the gateway", |_| conformance::run()),
    ("conformance-client", "the suite's authorization scenarios, with Placet as the client", |_| {
        conformance_client::run()
    }),
    ("peers", "foreign MCP clients and servers through the gateway", |_| peers::run()),
    ("ledger-foreign", "a ledger of the running binary, verified by another program", |_| {
        ledger_foreign::run()
    }),
    (
        "crash",
        "kill -9, aborts, full and failing disks under load [--cycles N] [--passes N] [--seed N]",
        crash::run,
    ),
    ("race", "races for one approval, and all that must not use it [--trials N]", race::run),
    (
        "reload",
        "policies exchanged under load, each receipt against the revision it names [--seconds N] [--rate N] [--callers N] \
         [--policies N]",
        reload::run,
    ),
    (
        "revocation",
        "kills under load, open streams, restarts [--rate N] [--streams N] [--rounds N]",
        revocation::run,
    ),
    ("oauth-peers", "foreign OAuth clients and an identity provider at the token endpoints", |_| {
        oauth_peers::run()
    }),
    ("tokens", "bad tokens at every door, exchanges that would grow, ids of others", |_| tokens::run()),
    ("directory", "foreign SCIM clients at the directory, the export at the catalog's validators", |_| {
        directory::run()
    }),
    ("quickstart", "from nothing to an agent's first call, by examples/quickstart.sh", |_| quickstart::run()),
    ("authzen", "the AuthZEN scenarios and a foreign client at the decision API", |_| authzen::run()),
    ("quota", "limits under 64 callers, restarts and kill -9 [--rounds N] [--seed N]", quota::run),
    ("agentdojo", "injected agents under the rules of bench/agentdojo [--every N]", agentdojo::run),
    ("prove", "invariants of the starter policies, and seeded widenings found", |_| prove::run()),
    (
        "corpus",
        "what decides here against stock Cedar, its own corpus too [--requests N] [--seed N]",
        corpus::run,
    ),
    ("fuzz", "any bytes at the parsers and decoders [--seconds N]", fuzz::run),
    ("bench-gateway", "calls through the gateway against direct ones", bench::gateway),
    ("bench-decide", "payload to verdict, indexed against stock", bench::decide),
    ("bench-pdp", "the decision API beside Cerbos", bench::pdp),
    ("bench-flat", "grants and counters among many against among few", bench::flat),
    ("bench-ledger", "durable receipts against a bare writer on the same disk", bench::ledger),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let found = wanted.split_first().and_then(|(name, options)| {
        CHECKS.iter().find(|(known, ..)| known == name).map(|check| (check, options))
    });
    let Some(((name, _, check), options)) = found else {
        eprintln!("usage: cargo xtask CHECK [OPTIONS]\n");
        for (name, what, _) in CHECKS {
            eprintln!("  {name:<16} {what}");
        }
        return ExitCode::from(2);
    };
    let started = Instant::now();
    let ended = check(options);
    let seconds = started.elapsed().as_secs();
    match ended {
        Ok(()) => {
            println!("{name}: passed in {seconds} s");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{name}: {failure} (after {seconds} s)");
            ExitCode::from(failure.exit_code())
        }
    }
}
