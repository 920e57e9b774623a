//! A gateway before a CRM, as OAuth clients find it: agents with keys, a platform, a trust domain and an identity
//! provider that are trusted. What the clients do is in scripts of other languages, `xtask/oauth`.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    crm::Crm,
    failure::Failure,
    node::Node,
    operator::Operator,
    place::{Place, Plan},
    process::{self, Running},
    tree,
};

/// Of exact versions, like everything foreign.
const PACKAGES: [&str; 5] = [
    "oidc-provider@9.13.3",
    "openid-client@6.8.9",
    "oauth4webapi@3.8.8",
    "jose@6.2.17",
    "@modelcontextprotocol/sdk@1.32.2",
];
/// How long one script may take.
const SCRIPT: Duration = Duration::from_secs(240);
/// Agents may do everything but change a deal; that waits for a person. For people they list deals only if those are in
/// sales, which nobody is but by the word of the identity provider.
const POLICY: &str = r#"
@id("agents")
permit (principal is Agent, action, resource);

@id("a-person-looks")
@reason("a person looks at every change")
@unless("approval")
@approvers("operators")
@timeout("1h")
forbid (principal is Agent, action in [Action::"crm.update_deal"], resource);

@id("sales-lists")
@reason("the list of deals is for sales")
forbid (principal is User, action == Action::"crm.list_deals", resource)
unless { principal in Group::"sales" };

@id("approvers-approve")
permit (principal is User, action == Action::"approve", resource is ApprovalRequest)
when { principal in resource.approvers };
"#;
/// Alice stands in for Carol, who owns the agents; Bob, Dan and Eve are those for whom they act.
const PEOPLE: &str = r#"
[[person]]
name = "carol"

[[person]]
name = "bob@example.com"

[[person]]
name = "dan@example.com"

[[person]]
name = "eve@example.com"

[[issuer]]
name = "ci"
kind = "oidc"
url = "https://ci.example"
jwks_file = "platform.jwks"

[[issuer]]
name = "prod"
kind = "spiffe"
url = "spiffe://prod.example"
jwks_file = "bundle.jwks"

[[issuer]]
name = "company"
kind = "idp"
client_id = "placet"
"#;
/// People of a deployment where they sign in at the identity provider.
const SIGN_IN: &str = r#"
[[person]]
name = "bob@example.com"

[[person]]
name = "dan@example.com"

[[person]]
name = "eve@example.com"

[roles]
viewer = ["sales"]
admin = ["operators"]

[sign_in]
client_id = "console"
scopes = ["openid", "email", "groups"]
"#;
/// Agents, and the one who proves itself in a way of its own or in none yet.
const AGENTS: [&str; 6] = ["ant", "bee", "cat", "dog", "eel", "fox"];

/// The programs of a check, and Node.
#[derive(Debug)]
pub(crate) struct Bureau {
    node: Node,
    placet: PathBuf,
    folder: PathBuf,
    keys: PathBuf,
    provider: SocketAddr,
    /// Where people sign in at the control API, in a place of its own.
    console: u16,
    upstream: String,
    crm: Crm,
    place: Place,
    idp: Option<Running>,
    _everything: Running,
}

/// What a script reports.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Each thing that was looked at: its name, whether it held, and what was seen.
    pub(crate) lines: Vec<(String, bool, String)>,
    /// Further figures.
    pub(crate) more: Value,
}

impl Bureau {
    /// Opens everything in a fresh folder of this name.
    pub(crate) fn open(check: &str) -> Result<Self, Failure> {
        let folder = tree::fresh(check)?;
        let node = Node::with("oauth", &PACKAGES)?;
        // Node looks for packages beside the script; so the scripts go where the packages are.
        for entry in fs::read_dir(scripts())? {
            let entry = entry?;
            fs::copy(entry.path(), node.folder().join(entry.file_name()))?;
        }
        let wanted = [
            ("placet-cli", "placet"),
            ("placet-example-crm", "crm"),
            ("placet-example-everything", "everything"),
        ];
        let [placet, crm, everything] = tree::binaries(wanted, &folder)?;
        let crm = Crm::start(&crm, &folder)?;
        let (everything, with_sessions) = start_everything(&everything, &folder)?;
        let place_folder = folder.join("place");
        fs::create_dir_all(&place_folder)?;
        let mut keys = node.script(node.folder().join("keys.mjs"));
        finished(keys.arg(&place_folder), &folder.join("keys.log"))?;
        let provider = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
        let upstream = connectors(&crm, with_sessions, provider);
        let place = place(&placet, &place_folder, &upstream)?;
        let keys = place_folder.join("keys.json");
        let idp = None;
        let console = process::free_port()?;
        let bureau = Self {
            node,
            placet,
            folder,
            keys,
            provider,
            console,
            upstream,
            crm,
            place,
            idp,
            _everything: everything,
        };
        bureau.register()?;
        Ok(bureau)
    }

    /// Starts the company's identity provider.
    pub(crate) fn open_idp(&mut self) -> Result<(), Failure> {
        let mut command = self.node.script(self.node.folder().join("idp.mjs"));
        command.arg(self.provider.port().to_string()).arg(&self.keys).arg(self.issuer()).arg(self.console());
        let mut running = process::start(&mut command, &self.folder.join("idp.log"))?;
        running.wait_for(self.provider, Duration::from_secs(15))?;
        self.idp = Some(running);
        Ok(())
    }

    /// A deployment whose people sign in at the identity provider. Its operators have roles, so it is another one.
    pub(crate) fn with_people(&self) -> Result<Place, Failure> {
        let folder = self.folder.join("people");
        fs::create_dir_all(&folder)?;
        let upstream = format!(
            "[connector.crm]\nurl = \"http://{}/mcp\"\n\n[control]\nlisten = \"127.0.0.1:{}\"\n{SIGN_IN}\
             issuer = \"http://{}\"\n",
            self.crm.address(),
            self.console,
            self.provider
        );
        place(&self.placet, &folder, &upstream)
    }

    /// Where people find the control API of that deployment.
    pub(crate) fn console(&self) -> String {
        format!("http://localhost:{}", self.console)
    }

    /// Starts the place anew: with bound tokens only, and a nonce in every proof. Returns a bearer token from before.
    pub(crate) fn tighten(&mut self) -> Result<String, Failure> {
        let token = Operator::of(&self.place.home()).start("ant", None)?;
        self.place.stop();
        let file = self.folder.join("place/placet.toml");
        let text = fs::read_to_string(&file)?;
        let strict = "[gateway]\ndpop = \"required\"\ndpop_nonces = true\n";
        fs::write(&file, text.replacen("[gateway]\n", strict, 1))?;
        self.place.start()?;
        Ok(token)
    }

    /// A second deployment, with keys and tokens of its own: its place, and a token of an agent that both know.
    pub(crate) fn another(&self) -> Result<(Place, String), Failure> {
        let folder = self.folder.join("another");
        fs::create_dir_all(&folder)?;
        for file in ["platform.jwks", "bundle.jwks"] {
            fs::copy(self.folder.join("place").join(file), folder.join(file))?;
        }
        let other = place(&self.placet, &folder, &self.upstream)?;
        let operator = Operator::of(&other.home());
        operator.register("ant", "carol")?;
        let token = operator.start("ant", None)?;
        Ok((other, token))
    }

    /// Runs a script of Node.
    pub(crate) fn node(&self, script: &str, further: &Value) -> Result<Report, Failure> {
        self.run(self.node.script(self.node.folder().join(script)), script, further)
    }

    /// Runs a command whose last arguments become the world and the report.
    pub(crate) fn run(&self, mut command: Command, name: &str, further: &Value) -> Result<Report, Failure> {
        let (world, report) =
            (self.folder.join(format!("{name}.world")), self.folder.join(format!("{name}.report")));
        let mut told = json!({
            "issuer": self.issuer(),
            "resource": self.place.url("crm"),
            "keys": self.keys,
            "idp": format!("http://{}", self.provider),
            "socket": self.place.home().join("run/control.sock"),
            "token_key": self.place.home().join("keys/token.key"),
        });
        if let (Some(told), Some(further)) = (told.as_object_mut(), further.as_object()) {
            told.extend(further.clone());
        }
        fs::write(&world, told.to_string())?;
        let log = self.folder.join(format!("{name}.log"));
        let ended = process::finish(command.arg(&world).arg(&report), &log, SCRIPT)?;
        let Ok(bytes) = fs::read(&report) else {
            return Err(Failure::Broke(format!("{name} wrote no report:\n{}{}", ended.output, ended.errors)));
        };
        Report::of(&serde_json::from_slice(&bytes)?)
    }

    /// The folder of the scripts that Node runs, with the packages.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The place.
    pub(crate) fn place(&mut self) -> &mut Place {
        &mut self.place
    }

    /// The address of the deployment.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.place.address())
    }

    /// How many calls have reached the CRM.
    pub(crate) fn reached(&self) -> Result<usize, Failure> {
        Ok(self.crm.text()?.lines().count())
    }

    fn register(&self) -> Result<(), Failure> {
        let operator = Operator::of(&self.place.home());
        let keys: Value = serde_json::from_slice(&fs::read(&self.keys)?)?;
        for agent in AGENTS {
            let charter = json!({ "backup_owner": "alice" });
            let body = json!({
                "name": agent, "owner": "carol", "purpose": "a check", "tier": 3, "groups": [], "charter": charter,
            });
            operator.ask("POST", "/v1/agents", &body)?;
        }
        let add = |agent: &str, means: Value| {
            let path = format!("/v1/agents/{agent}/credentials");
            operator.ask("POST", &path, &json!({ "means": means })).map(|_| ())
        };
        for agent in ["ant", "bee", "cat"] {
            let public = keys.get(agent).and_then(|pair| pair.get("public")).cloned().unwrap_or_default();
            add(agent, json!({ "kind": "key", "jwk": public }))?;
        }
        add("dog", json!({ "kind": "spiffe", "id": "spiffe://prod.example/billing" }))?;
        let claims = json!([["repository", "acme/billing"], ["ref", "refs/heads/main"]]);
        add("eel", json!({ "kind": "federated", "issuer": "ci", "claims": claims }))
    }
}

impl Report {
    fn of(report: &Value) -> Result<Self, Failure> {
        let lines = report.get("lines").and_then(Value::as_array);
        let lines = lines.ok_or_else(|| Failure::Broke("a report has no lines".to_owned()))?;
        let read = |line: &Value| {
            let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("name"), line.get("ok").and_then(Value::as_bool).unwrap_or(false), text("detail"))
        };
        Ok(Self { lines: lines.iter().map(read).collect(), more: report.clone() })
    }

    /// A number among the further figures.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.more.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// How many lines do not hold; prints those, or all of them.
    #[expect(clippy::print_stdout, reason = "the figures of the check")]
    pub(crate) fn print(&self, script: &str, all: bool) -> usize {
        for (name, ok, detail) in &self.lines {
            let mark = if *ok { "held" } else { "MISSED" };
            if all || !ok {
                println!("{mark:<6} {script}: {name}{}{detail}", if detail.is_empty() { "" } else { ": " });
            }
        }
        self.lines.iter().filter(|(_, ok, _)| !ok).count()
    }
}

/// The scripts.
pub(crate) fn scripts() -> PathBuf {
    tree::root().join("xtask/oauth")
}

fn start_everything(binary: &Path, folder: &Path) -> Result<(Running, SocketAddr), Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let mut command = Command::new(binary);
    command.args(["--listen", &address.to_string()]);
    let mut running = process::start(&mut command, &folder.join("everything.log"))?;
    running.wait_for(address, Duration::from_secs(10))?;
    Ok((running, address))
}

fn connectors(crm: &Crm, everything: SocketAddr, provider: SocketAddr) -> String {
    format!(
        "[connector.crm]\nurl = \"http://{}/mcp\"\n\n[connector.everything]\nurl = \"http://{everything}/mcp\"\n\
         {PEOPLE}url = \"http://{provider}\"\n",
        crm.address()
    )
}

fn place(placet: &Path, folder: &Path, connectors: &str) -> Result<Place, Failure> {
    Place::open(&Plan { placet, folder, policy: POLICY, connectors, hosts: &[] })
}

fn finished(command: &mut Command, log: &Path) -> Result<(), Failure> {
    let ended = process::finish(command, log, SCRIPT)?;
    match ended.code {
        Some(0) => Ok(()),
        code => Err(Failure::Broke(format!("a script ended with {code:?}:\n{}", ended.errors))),
    }
}
