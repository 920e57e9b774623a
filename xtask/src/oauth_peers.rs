//! Foreign OAuth parties: `oidc-provider` as the company's identity provider, `openid-client`, `oauth4webapi`, Authlib,
//! `requests_oauth2client` and the MCP SDK as clients, a browser of people who sign in, `jose` for everything that others
//! sign, and the MCP suite's look at an authorization server.

use std::{path::Path, process::Command, time::Duration};

use serde_json::json;

use crate::{
    bureau::{self, Bureau, Report},
    failure::Failure,
    node::Node,
    process,
    python::Python,
};

const PYTHON_PACKAGES: [&str; 4] =
    ["Authlib==1.9.9", "joserfc==1.8.0", "requests==2.34.2", "requests_oauth2client==1.8.0"];
const SUITE: &str = "@modelcontextprotocol/conformance";
/// The version that the conformance check uses.
const SUITE_VERSION: &str = "0.2.0-alpha.12";
/// How long one scenario may take.
const SCENARIO: Duration = Duration::from_secs(60);

/// Metadata of the code grant, which Placet does not have.
const OF_CODES: [&str; 3] =
    ["authorization_endpoint", "response_types_supported", "code_challenge_methods_supported"];

/// What of the suite does not apply, and why. Its scenarios for clients are the check `conformance-client`.
const INAPPLICABLE: [(&str, &str); 1] = [(
    "authorization-code-grant",
    "Placet grants nothing at an authorization endpoint: agents have credentials of their own, people come by token \
     exchange or ID-JAG",
)];

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run() -> Result<(), Failure> {
    let mut bureau = Bureau::open("oauth-peers")?;
    let python = Python::with("python-oauth", &PYTHON_PACKAGES)?;
    let suite = Node::with("conformance", &[&format!("{SUITE}@{SUITE_VERSION}")])?;
    bureau.open_idp()?;
    let (mut looked, mut missed) = (0, 0);
    let people = bureau.with_people()?;
    for script in ["openid_client.mjs", "oauth4webapi.mjs", "mcp_sdk.mjs", "people.mjs"] {
        let report = bureau.node(script, &json!({ "console": bureau.console() }))?;
        looked += report.lines.len();
        missed += report.print(script, true);
    }
    people.must(&["ledger", "verify"])?;
    for script in ["authlib_client.py", "dpop_client.py"] {
        let report = by_python(&bureau, &python, script, false)?;
        looked += report.lines.len();
        missed += report.print(script, true);
    }
    let before = bureau.tighten()?;
    let report = bureau.node("strict.mjs", &json!({ "bearer_token": before }))?;
    looked += report.lines.len();
    missed += report.print("strict.mjs", true);
    let report = by_python(&bureau, &python, "dpop_client.py", true)?;
    looked += report.lines.len();
    missed += report.print("dpop_client.py", true);
    missed += usize::from(!metadata(&suite, &bureau.issuer(), bureau.folder())?);
    for (what, why) in INAPPLICABLE {
        println!("       {SUITE}: {what} does not apply: {why}");
    }
    bureau.place().must(&["ledger", "verify"])?;
    println!("{looked} exchanges of foreign parties and 1 scenario of the suite, {missed} missed");
    match missed {
        0 => Ok(()),
        missed => Err(Failure::Missed(format!("{missed} of {} do not hold", looked + 1))),
    }
}

fn by_python(bureau: &Bureau, python: &Python, script: &str, strict: bool) -> Result<Report, Failure> {
    let mut command = Command::new(python.binary());
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(bureau::scripts().join(script));
    bureau.run(command, script, &json!({ "strict": strict }))
}

/// The suite's scenario about the metadata of an authorization server. It asks for what only the code grant has, which
/// RFC 8414 section 2 does not; nothing else may be missing.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
fn metadata(suite: &Node, issuer: &str, folder: &Path) -> Result<bool, Failure> {
    let scenario = "authorization-server-metadata-endpoint";
    let mut command = suite.script(suite.file(&format!("{SUITE}/dist/index.js")));
    command.args(["authorization", "--url", issuer, "--scenario", scenario]);
    let ended = process::finish(&mut command, &folder.join("suite.log"), SCENARIO)?;
    let complaints: Vec<&str> = ended
        .output
        .lines()
        .chain(ended.errors.lines())
        .filter_map(|line| line.trim().strip_prefix("Error: "))
        .flat_map(|line| line.split(", "))
        .collect();
    let about_codes = |complaint: &&str| {
        OF_CODES
            .iter()
            .any(|claim| *complaint == format!("Response body does not include valid \"{claim}\" claim"))
    };
    let held = ended.code == Some(0) || (!complaints.is_empty() && complaints.iter().all(about_codes));
    println!("{} {SUITE}: {scenario}", if held { "held  " } else { "MISSED" });
    for complaint in complaints {
        println!(
            "       {complaint}{}",
            if about_codes(&complaint) { " (of the code grant, not served)" } else { "" }
        );
    }
    Ok(held)
}
