//! `placet policy tools`: the pinned definitions as files, so that tests and proofs run without a Placet.

use std::path::PathBuf;

use clap::Args;
use placet_domain::Json;

use super::material::Pinned;
use crate::{
    config::PolicySide,
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{note, out, pretty},
};

#[derive(Debug, Args)]
pub(crate) struct Tools {
    /// Where to (default: `policy.tools` of the configuration, else `policies/tools`)
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) async fn run(tools: &Tools, context: &Context) -> Result<Exit, Failure> {
    let side = PolicySide::read(&context.config)?;
    let folder = tools.folder.clone().unwrap_or(side.tools);
    let pinned = Pinned::open(context).await?;
    std::fs::create_dir_all(&folder)
        .map_err(Failure::of(format!("the folder {} cannot be made", folder.display())))?;
    for connector in &side.policy.connectors {
        let tools = pinned.tools(&connector.name).await?;
        if tools.is_empty() {
            note(&format!("`{}` has no accepted tools in {}", connector.name, context.home.display()));
            continue;
        }
        // A connector's name is checked: letters, digits and dashes.
        let path = folder.join(format!("{}.json", connector.name));
        let count = tools.len();
        let all = Json::Array(tools.into_iter().map(|tool| tool.definition).collect());
        std::fs::write(&path, pretty(&all) + "\n")
            .map_err(Failure::of(format!("{} cannot be written", path.display())))?;
        out(&format!("wrote {} ({count} tools)", path.display()));
    }
    Ok(Exit::Ok)
}
