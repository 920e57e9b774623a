//! Cerbos as a decision point of others behind our gateway: its veto counts, and so does its silence.

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use super::Tally;
use crate::{
    crm::Crm,
    failure::Failure,
    mcp,
    node::Node,
    place::{ALLOW_ALL, Place, Plan},
    process::{self, Running},
    tree,
};

/// A plain binary in an npm package.
const PACKAGE: &str = "@cerbos/cerbos-linux-x64@0.55.0";
const BINARY: &str = "@cerbos/cerbos-linux-x64/cerbos-linux-x64";
/// How long it may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// Starts Cerbos with these policies; its HTTP address.
pub(crate) fn start(policies: &Path, folder: &Path) -> Result<(Running, SocketAddr), Failure> {
    let node = Node::with("cerbos", &[PACKAGE])?;
    let http = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let grpc = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let mut command = Command::new(node.file(BINARY));
    command
        .args(["server", "--set=storage.driver=disk", "--set=telemetry.disabled=true"])
        .arg(format!("--set=storage.disk.directory={}", policies.display()))
        .arg(format!("--set=server.httpListenAddr={http}"))
        .arg(format!("--set=server.grpcListenAddr={grpc}"));
    let mut running = process::start(&mut command, &folder.join("cerbos.log"))?;
    running.wait_until(READY, || mcp::status(http, "/_cerbos/health") == Some(200))?;
    Ok((running, http))
}

pub(super) fn run(placet: &Path, crm: &Path, folder: &Path) -> Result<Tally, Failure> {
    let folder = folder.join("cerbos");
    fs::create_dir_all(&folder)?;
    let (mut cerbos, address) = start(&tree::root().join("xtask/authzen/cerbos"), &folder)?;
    let crm = Crm::start(crm, &folder)?;
    let connectors = format!(
        "[connector.crm]\nurl = \"http://{}/mcp\"\n\n\
         [[external_pdp]]\nname = \"cerbos\"\nkind = \"authzen\"\nurl = \"http://{address}/access/v1/evaluation\"\n\
         tools = [\"crm.update_deal\"]\ndeadline = \"2s\"\nsubject = {{ \"cerbos.roles\" = [\"agent\"] }}\n",
        crm.address()
    );
    let plan = Plan { placet, folder: &folder, policy: ALLOW_ALL, connectors: &connectors, hosts: &[] };
    let place = Place::open(&plan)?;
    let token = place.agent("updater")?;
    let mut tally = Tally::new("Cerbos as an external decision point");
    let mut call = |name: &str, tool: &str, amount: i64, expected: bool| -> Result<(), Failure> {
        let arguments = match tool {
            "update_deal" => json!({ "deal_id": "789", "amount": amount, "notes": name }),
            _ => json!({ "deal_id": "789" }),
        };
        let answer = mcp::call(place.address(), "crm", &token, (tool, arguments))?;
        let refused = answer.pointer("/result/isError").and_then(Value::as_bool).unwrap_or(false);
        tally.expect(name, refused != expected, &answer);
        Ok(())
    };
    call("it agrees", "update_deal", 500, true)?;
    call("it objects", "update_deal", 20_000, false)?;
    call("it is not asked", "get_deal", 0, true)?;
    cerbos.stop();
    call("it is silent", "update_deal", 500, false)?;
    call("it is not missed", "get_deal", 0, true)?;
    let written = crm.text()?;
    let reached = written.lines().filter(|line| line.contains("update_deal")).count();
    tally.expect("one update reached the CRM", reached == 1, &Value::from(written));
    place.must(&["ledger", "verify"])?;
    Ok(tally)
}
