//! `placet init`: a commented configuration that works, and policies to start from.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{config, demo::say, exit::Exit, failure::Failure};

/// Arguments of `placet init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Folder to write to
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Your name, as owner and approver (default: your user name)
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Name of a first connector
    #[arg(long, value_name = "NAME", requires = "url")]
    connector: Option<String>,
    /// Its MCP endpoint
    #[arg(long, value_name = "URL", requires = "connector")]
    url: Option<String>,
}

/// Writes the files; never over existing ones.
pub(crate) fn run(init: &Init) -> Result<Exit, Failure> {
    let person = match &init.person {
        Some(person) => person.clone(),
        None => {
            std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "operator".into())
        }
    };
    let uid = config::own_uid().unwrap_or_default().to_string();
    let connector = match (&init.connector, &init.url) {
        (Some(name), Some(url)) => format!("[connector.{name}]\nurl = {url:?}\n"),
        _ => EXAMPLE_CONNECTOR.to_owned(),
    };
    let text =
        TEMPLATE.replace("@PERSON@", &person).replace("@UID@", &uid).replace("@CONNECTOR@", &connector);
    let path = init.folder.join("placet.toml");
    // What is written must work: the same parser reads it before anybody else does.
    config::parse(&path, &text)?;
    let policies = init.folder.join("policies");
    std::fs::create_dir_all(&policies).map_err(Failure::of("the folder cannot be made"))?;
    for (path, text) in [
        (path, text.as_str()),
        (policies.join("starter.cedar"), STARTER_POLICIES),
        (policies.join("approvals.cedar"), APPROVAL_POLICIES),
    ] {
        write_new(&path, text)?;
        say(&format!("wrote {}", path.display()));
    }
    say("\nNext: add a connector in placet.toml, then run `placet up`.");
    Ok(Exit::Ok)
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    std::fs::File::create_new(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(Failure::of(format!("{} cannot be written; nothing is overwritten", path.display())))
}

const TEMPLATE: &str = include_str!("init/placet.toml");
const EXAMPLE_CONNECTOR: &str = include_str!("init/connector.toml");
const STARTER_POLICIES: &str = include_str!("../../../policies/starter.cedar");
const APPROVAL_POLICIES: &str = include_str!("../../../policies/approvals.cedar");
