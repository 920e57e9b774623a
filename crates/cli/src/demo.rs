//! `placet demo`: a whole Placet on loopback, a CRM behind it, and an agent that tries things.
//! Everything is real: the CRM is a process of its own, the agent a foreign MCP client, the receipts are on disk.

mod agent;
mod crm;
mod operator;
mod scenario;

use std::{
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use placet_ledger::VerifierKey;

use crate::{config, exit::Exit, failure::Failure, serve};

/// Arguments of `placet demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Approve without asking
    #[arg(long)]
    yes: bool,
    /// End after the demonstration instead of staying up
    #[arg(long)]
    once: bool,
    /// Keep the demo's files in this folder (default: a fresh one)
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What the demo prints to: standard output, a line at a time.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Plays the demonstration.
pub(crate) async fn run(demo: Demo) -> Result<Exit, Failure> {
    let folder = demo.keep.clone().unwrap_or_else(fresh_folder);
    let home = folder.join(".placet");
    std::fs::create_dir_all(folder.join("policies"))
        .map_err(Failure::of("the demo's folder cannot be made"))?;
    for (name, text) in [
        ("crm.cedar", CRM_POLICIES),
        ("approvals.cedar", APPROVAL_POLICIES),
        ("owners.cedar", OWNER_POLICIES),
    ] {
        std::fs::write(folder.join("policies").join(name), text)
            .map_err(Failure::of("the demo's policies cannot be written"))?;
    }

    let crm = crm::Crm::start(&folder).await?;
    let text = CONFIG
        .replace("@CRM@", &crm.url)
        .replace("@UID@", &config::own_uid().unwrap_or_default().to_string());
    let path = folder.join("placet.toml");
    std::fs::write(&path, &text).map_err(Failure::of("the demo's placet.toml cannot be written"))?;
    let running = serve::start(config::Config::read(&path)?, &home).await?;

    say(&format!("Placet listens on http://{} and stands before a CRM.", running.address));
    say(&format!("Its files are in {}.\n", folder.display()));
    let asking = if demo.yes || !std::io::stdin().is_terminal() { Asking::Yes } else { Asking::Terminal };
    if matches!(asking, Asking::Yes) && !demo.yes {
        say("Standard input is no terminal: approvals are given without asking.\n");
    }
    let operator = operator::Operator::new(running.socket.clone());
    let token = scenario::play(&operator, &format!("http://{}/mcp/crm", running.address), asking).await?;
    verify(&home).await?;

    if demo.once {
        running.stop().await;
        if demo.keep.is_none() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        return Ok(Exit::Ok);
    }
    invite(&folder, &running, &token);
    let _ = tokio::signal::ctrl_c().await;
    running.stop().await;
    Ok(Exit::Ok)
}

/// Whether a person at the terminal is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asking {
    /// They are.
    Terminal,
    /// Approvals are given.
    Yes,
}

/// Verifies the ledger from its files alone, as an auditor would.
async fn verify(home: &Path) -> Result<(), Failure> {
    let key: VerifierKey = std::fs::read_to_string(home.join("ledger.vkey"))
        .map_err(Failure::of("the ledger's public key cannot be read"))?
        .trim()
        .parse()
        .map_err(Failure::of("the ledger's public key cannot be read"))?;
    let folder = home.join("ledger");
    let report = tokio::task::spawn_blocking(move || placet_ledger::verify_dir(&folder, &[key], None))
        .await
        .map_err(Failure::of("the verifier ended early"))?
        .map_err(Failure::of("the ledger cannot be read"))?;
    if let Some(damage) = &report.first_bad {
        return Err(Failure::integrity(format!("the ledger does not verify: {damage}")));
    }
    say(&format!(
        "Every decision and every outcome is a receipt: {} receipts under {} signed checkpoints verify offline.\n",
        report.entries, report.checkpoints
    ));
    Ok(())
}

fn invite(folder: &Path, running: &serve::Running, token: &str) {
    say("Placet stays up until Ctrl-C. Look around from another terminal:");
    let home = folder.join(".placet");
    let socket = format!("--home {}", home.display());
    for command in ["agent list", "approval list", "connector list", "ledger verify", "status"] {
        say(&format!("  placet {command} {socket}"));
    }
    say(&format!(
        "\nTry the CRM as the agent (the token lives 15 minutes):\n  curl http://{}/mcp/crm \\",
        running.address
    ));
    say("    -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \\");
    say("    -H 'mcp-protocol-version: 2026-07-28' -H 'mcp-method: tools/call' -H 'mcp-name: get_deal' \\");
    say(&format!("    -H 'authorization: Bearer {token}' \\"));
    say(
        r#"    -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_deal","arguments":{"deal_id":"789"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'"#,
    );
}

/// A folder that nobody has used: named by the process and by randomness.
fn fresh_folder() -> PathBuf {
    use placet_engine::ports::Entropy as _;
    let mut random = [0; 4];
    crate::system::SystemEntropy.fill(&mut random);
    let name = format!("placet-demo-{}-{:08x}", std::process::id(), u32::from_be_bytes(random));
    std::env::temp_dir().join(name)
}

const CRM_POLICIES: &str = include_str!("../../../policies/crm.cedar");
const APPROVAL_POLICIES: &str = include_str!("../../../policies/approvals.cedar");
const OWNER_POLICIES: &str = include_str!("../../../policies/owners.cedar");
const CONFIG: &str = include_str!("demo/placet.toml");
