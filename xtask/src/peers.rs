//! Foreign clients and foreign servers with the gateway between them: what a client sees through the gateway is
//! what it sees without, and what the policy denies reads as a refusal.

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    failure::Failure,
    node::Node,
    place::{Place, Plan},
    process::{self, Running},
    python::Python,
    tree,
};

mod compare;

const NODE_PACKAGES: [&str; 5] = [
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    "@modelcontextprotocol/server-memory@2026.8.31",
];
const PYTHON_SDK: &str = "mcp==2.3.0";
/// The client half: the server half is not used here.
const FASTMCP: &str = "fastmcp-slim[client]==4.1.6";
/// How long one client may take over all servers.
const CLIENT: Duration = Duration::from_secs(120);

/// One tool of each server is denied.
const DENIED_TOOLS: [(&str, &str); 5] = [
    ("everything-stdio", "get-env"),
    ("everything-http", "get-env"),
    ("filesystem", "move_file"),
    ("memory", "delete_relations"),
    ("fixture", "test_image_content"),
];

const POLICY: &str = r#"
@id("allow-all")
permit (principal, action, resource);

@id("some-tools-denied")
@reason("the check denies one tool of each server")
forbid (principal, action in [DENIED_TOOLS], resource);

@id("no-keys")
@reason("keys are not written by agents")
forbid (principal, action == Action::"filesystem.write_file", resource)
when { context.input.path like "*.key" };
"#;

/// A server: its connector, how a client reaches it directly, and the steps to take.
#[derive(Debug)]
struct Subject {
    connector: &'static str,
    direct: Value,
    steps: Value,
}

/// A client: its name, and the command that runs its script.
type Client = (&'static str, Command);

/// Runs the check.
pub(crate) fn run() -> Result<(), Failure> {
    let folder = tree::fresh("peers")?;
    let node = Node::with("peers", &NODE_PACKAGES)?;
    let python = Python::with("python-mcp", &[PYTHON_SDK])?;
    let fastmcp = Python::with("python-fastmcp", &[FASTMCP])?;
    let wanted = [("placet-cli", "placet"), ("placet-example-everything", "everything")];
    let [placet, everything] = tree::binaries(wanted, &folder)?;

    let (_npm, npm_url) = everything_over_http(&node, &folder)?;
    let (_fixture, fixture_url) = fixture(&everything, &folder)?;
    let files = folder.join("files");
    let place_folder = folder.join("place");
    fs::create_dir_all(&files)?;
    fs::create_dir_all(&place_folder)?;
    let denied = DENIED_TOOLS.map(|(connector, tool)| format!("Action::\"{connector}.{tool}\""));
    let place = Place::open(&Plan {
        placet: &placet,
        folder: &place_folder,
        policy: &POLICY.replace("DENIED_TOOLS", &denied.join(", ")),
        connectors: &connectors(&node, &folder, &files, (&npm_url, &fixture_url)),
        hosts: &[],
    })?;
    let token = place.agent("peer")?;

    let subjects = subjects(&node, &folder, &files, (&npm_url, &fixture_url))?;
    first_look(python_script(&python, &folder, "python_mcp.py"), &place, &token, &folder)?;
    let mut wrong = 0;
    for (name, command) in clients(&node, &python, &fastmcp, &folder)? {
        let by_stdio = (name == "python-mcp").then_some(placet.as_path());
        let targets = targets(&subjects, &place, &token, &files, by_stdio);
        let seen = tour(command, &folder.join(name), &targets)?;
        wrong += compare::report(name, &seen);
    }
    place.must(&["ledger", "verify"])?;
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::Missed(format!("{wrong} steps end otherwise through the gateway"))),
    }
}

/// Everything that a client is to visit: each server directly, through the gateway, and one through
/// `placet stdio`.
fn targets(subjects: &[Subject], place: &Place, token: &str, files: &Path, placet: Option<&Path>) -> Value {
    let mut targets = Vec::new();
    let root = format!("file://{}", files.display());
    let mut add = |name: String, reached: &Value, steps: &Value| {
        let mut target = json!({ "name": name, "root": root, "steps": steps });
        if let (Some(target), Some(reached)) = (target.as_object_mut(), reached.as_object()) {
            target.extend(reached.clone());
        }
        targets.push(target);
    };
    for subject in subjects {
        let connector = subject.connector;
        add(format!("{connector} directly"), &subject.direct, &compare::undenied(&subject.steps));
        let through = json!({ "url": place.url(connector), "token": token });
        add(format!("{connector} through the gateway"), &through, &subject.steps);
        if let (Some(placet), "everything-stdio") = (placet, connector) {
            let bridge = json!({
                "command": [placet, "stdio", connector],
                "env": { "PLACET_TOKEN": token, "PLACET_GATEWAY": format!("http://{}", place.address()) },
            });
            add(format!("{connector} through `placet stdio`"), &bridge, &subject.steps);
        }
    }
    json!({ "targets": targets })
}

fn tour(mut command: Command, base: &Path, targets: &Value) -> Result<Value, Failure> {
    let (plan, seen) = (base.with_extension("plan.json"), base.with_extension("seen.json"));
    fs::write(&plan, serde_json::to_vec_pretty(targets)?)?;
    let ended = process::finish(command.arg(&plan).arg(&seen), &base.with_extension("log"), CLIENT)?;
    match fs::read(&seen) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(_) => Err(Failure::Broke(format!("{} wrote nothing:\n{}", base.display(), ended.errors))),
    }
}

/// Some servers show more tools to a client that can do more. What the gateway has not seen at its own first look is
/// in quarantine until the operator accepts it.
fn first_look(client: Command, place: &Place, token: &str, folder: &Path) -> Result<(), Failure> {
    let targets = ["everything-stdio", "everything-http", "fixture"].map(|connector| {
        json!({
            "name": connector, "root": "file:///", "url": place.url(connector), "token": token,
            "mode": "legacy", "steps": [{ "do": "tools" }],
        })
    });
    tour(client, &folder.join("first-look"), &json!({ "targets": targets }))?;
    place.accept("everything-stdio")?;
    place.accept("everything-http")?;
    place.accept("fixture")
}

fn python_script(python: &Python, folder: &Path, script: &str) -> Command {
    let mut command = Command::new(python.binary());
    let script = tree::root().join("xtask/peers").join(script);
    command.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1").arg(script);
    command
}

fn clients(node: &Node, python: &Python, fastmcp: &Python, folder: &Path) -> Result<Vec<Client>, Failure> {
    let scripts = tree::root().join("xtask/peers");
    // Node looks for packages beside the script; so the scripts go where the packages are.
    for script in ["plan.mjs", "typescript_1.mjs", "typescript_2.mjs"] {
        fs::copy(scripts.join(script), node.folder().join(script))?;
    }
    Ok(vec![
        ("python-mcp", python_script(python, folder, "python_mcp.py")),
        ("python-fastmcp", python_script(fastmcp, folder, "python_fastmcp.py")),
        ("typescript-1", node.script(node.folder().join("typescript_1.mjs"))),
        ("typescript-2", node.script(node.folder().join("typescript_2.mjs"))),
    ])
}

fn everything_over_http(node: &Node, folder: &Path) -> Result<(Running, String), Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let mut command = node.script(node.file("@modelcontextprotocol/server-everything/dist/index.js"));
    command.arg("streamableHttp").env("PORT", address.port().to_string());
    let mut running = process::start(&mut command, &folder.join("everything-http.log"))?;
    running.wait_for(address, Duration::from_secs(15))?;
    Ok((running, format!("http://{address}/mcp")))
}

fn fixture(everything: &Path, folder: &Path) -> Result<(Running, String), Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let mut command = Command::new(everything);
    let mut running =
        process::start(command.args(["--listen", &address.to_string()]), &folder.join("fixture.log"))?;
    running.wait_for(address, Duration::from_secs(10))?;
    Ok((running, format!("http://{address}/mcp")))
}

/// How the three servers that are child processes are started, directly and behind the gateway. Each side of the
/// memory server has a file of its own.
fn command_line(node: &Node, server: &str, arguments: &[&str]) -> Vec<String> {
    let script = node.file(&format!("@modelcontextprotocol/server-{server}/dist/index.js"));
    let own = [node.binary().display().to_string(), script.display().to_string()];
    own.into_iter().chain(arguments.iter().map(|argument| (*argument).to_owned())).collect()
}

fn connectors(node: &Node, folder: &Path, files: &Path, (npm, fixture): (&str, &str)) -> String {
    let child = |connector: &str, line: Vec<String>, env: &str| {
        let (command, arguments) =
            line.split_first().map_or((String::new(), &[][..]), |(first, rest)| (first.clone(), rest));
        format!("[connector.{connector}]\ncommand = {command:?}\nargs = {arguments:?}\nenv = {{ {env} }}\n\n")
    };
    let memory =
        format!("MEMORY_FILE_PATH = {:?}", folder.join("memory-gateway.jsonl").display().to_string());
    let files = files.display().to_string();
    [
        child("everything-stdio", command_line(node, "everything", &["stdio"]), ""),
        child("filesystem", command_line(node, "filesystem", &[&files]), ""),
        child("memory", command_line(node, "memory", &[]), &memory),
        format!("[connector.everything-http]\nurl = \"{npm}\"\n\n"),
        format!("[connector.fixture]\nurl = \"{fixture}\"\n"),
    ]
    .concat()
}

fn subjects(
    node: &Node,
    folder: &Path,
    files: &Path,
    (npm, fixture): (&str, &str),
) -> Result<Vec<Subject>, Failure> {
    let root = files.display().to_string();
    let steps = |text: &str| serde_json::from_str::<Value>(&text.replace("$ROOT", &root));
    let everything = steps(include_str!("../peers/plans/everything.json"))?;
    let memory = json!({ "MEMORY_FILE_PATH": folder.join("memory-direct.jsonl") });
    Ok(vec![
        Subject {
            connector: "everything-stdio",
            direct: json!({ "command": command_line(node, "everything", &["stdio"]) }),
            steps: everything.clone(),
        },
        Subject { connector: "everything-http", direct: json!({ "url": npm }), steps: everything },
        Subject {
            connector: "filesystem",
            direct: json!({ "command": command_line(node, "filesystem", &[&root]) }),
            steps: steps(include_str!("../peers/plans/filesystem.json"))?,
        },
        Subject {
            connector: "memory",
            direct: json!({ "command": command_line(node, "memory", &[]), "env": memory }),
            steps: steps(include_str!("../peers/plans/memory.json"))?,
        },
        Subject {
            connector: "fixture",
            direct: json!({ "url": fixture }),
            steps: steps(include_str!("../peers/plans/fixture.json"))?,
        },
    ])
}
