//! `cargo xtask NAME`: checks that need other programs, foreign clients or minutes. Not part of the product.
//! Exit codes: 0 the bar is met, 1 it is missed, 2 the check broke, 77 something it needs cannot be had.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a check reports to whoever started it")]

use std::{process::ExitCode, time::Instant};

use crate::failure::Failure;

mod conformance;
mod failure;
mod forwarder;
mod ledger_foreign;
mod mcp;
mod node;
mod peers;
mod place;
mod process;
mod python;
mod tree;

/// One check: its name, what it does, and how.
type Check = (&'static str, &'static str, fn() -> Result<(), Failure>);

const CHECKS: &[Check] = &[
    ("conformance", "the MCP conformance suite, directly and through the gateway", conformance::run),
    ("peers", "foreign MCP clients and servers through the gateway", peers::run),
    ("ledger-foreign", "a ledger of the running binary, verified by another program", ledger_foreign::run),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let found = match wanted.as_slice() {
        [name] => CHECKS.iter().find(|(known, ..)| known == name),
        _ => None,
    };
    let Some((name, _, check)) = found else {
        eprintln!("usage: cargo xtask CHECK\n");
        for (name, what, _) in CHECKS {
            eprintln!("  {name:<16} {what}");
        }
        return ExitCode::from(2);
    };
    let started = Instant::now();
    let ended = check();
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
