//! What working with policies needs, from files: the rules of `placet.toml`, policy texts and tool definitions.
//! Nothing here asks a running Placet. The registry of the home is read only where a file is missing.

use std::path::{Path, PathBuf};

use clap::Args;
use placet_domain::{ConnectorName, Json, ToolDefinition};
use placet_policy::{PolicyConfig, PolicySource, Workbench};
use placet_store::SqliteStore;

use crate::{
    config::{PolicySide, read_policies},
    context::Context,
    exit::Exit,
    failure::Failure,
    print::note,
};

/// Which policies and tools.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Origin {
    /// Policy files or folders (default: `policy.files` of the configuration)
    #[arg(long, value_name = "PATH")]
    policies: Vec<PathBuf>,
    /// Folder of tool definitions, `<connector>.json` each (default: `policy.tools` of the configuration, else
    /// `policies/tools`; a connector without a file has the tools that are pinned in the home)
    #[arg(long, value_name = "DIR")]
    tools: Option<PathBuf>,
}

/// A policy set that is worked with.
#[derive(Debug)]
pub(crate) struct Material {
    /// What decisions depend on besides the texts.
    pub(crate) config: PolicyConfig,
    /// The texts, in order of name.
    pub(crate) sources: Vec<PolicySource>,
    /// Folders that hold policy files.
    folders: Vec<PathBuf>,
    /// The files of the configuration, as paths or `*.cedar` patterns.
    patterns: Vec<PathBuf>,
}

impl Origin {
    /// Other tools than those of the configuration.
    pub(crate) fn with_tools(tools: Option<PathBuf>) -> Self {
        Self { policies: Vec::new(), tools }
    }
}

impl Material {
    /// Reads everything.
    pub(crate) async fn read(origin: &Origin, context: &Context) -> Result<Self, Failure> {
        let side = PolicySide::read(&context.config)?;
        let sources = sources(origin, &side)?;
        let tools = origin.tools.clone().unwrap_or(side.tools);
        let mut config = side.policy;
        let mut pinned = None;
        // The actions of applications are in the configuration itself.
        for connector in config.connectors.iter_mut().filter(|connector| connector.tools.is_empty()) {
            let file = tools.join(format!("{}.json", connector.name));
            connector.tools = match file.is_file() {
                true => read_tools(&file)?,
                false => {
                    if pinned.is_none() {
                        pinned = Some(Pinned::open(context).await?);
                    }
                    match &pinned {
                        Some(pinned) => pinned.tools(&connector.name).await?,
                        None => Vec::new(),
                    }
                }
            };
            if connector.tools.is_empty() {
                note(&format!(
                    "no tools of `{}` are known; write {} with `placet policy tools` where Placet runs",
                    connector.name,
                    file.display()
                ));
            }
        }
        let mut folders: Vec<PathBuf> = sources
            .iter()
            .filter_map(|source| Path::new(&source.name).parent().map(Path::to_owned))
            .collect();
        folders.dedup();
        Ok(Self { config, sources, folders, patterns: side.files })
    }

    /// The revision that a server with this configuration gives the set: there files are named from its folder.
    pub(crate) fn revision(&self, context: &Context) -> Option<String> {
        let folder = context.config.parent().unwrap_or(Path::new(""));
        let from_there = |source: &PolicySource| {
            let name = Path::new(&source.name)
                .strip_prefix(folder)
                .map_or(source.name.clone(), |name| name.display().to_string());
            PolicySource { name, text: source.text.clone() }
        };
        let sources: Vec<PolicySource> = self.sources.iter().map(from_there).collect();
        placet_policy::Snapshot::load(&sources, &self.config)
            .ok()
            .map(|snapshot| snapshot.revision().to_string())
    }

    /// The set, if it loads.
    pub(crate) fn workbench(&self) -> Result<Workbench, Failure> {
        Workbench::load(&self.sources, &self.config)
            .map_err(|errors| Failure::new(errors.to_string()).with_exit(Exit::Findings))
    }

    /// Folders that hold policy files.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Whether the configuration names this file of a folder.
    pub(crate) fn names(&self, folder: &Path, file: &str) -> bool {
        let plain =
            |path: &Path| path.components().filter(|part| part.as_os_str() != ".").collect::<PathBuf>();
        self.patterns.iter().any(|pattern| {
            let fits = pattern.file_name().is_some_and(|name| match name.to_str() {
                Some("*.cedar") => file.ends_with(".cedar"),
                name => name == Some(file),
            });
            fits && plain(pattern.parent().unwrap_or(Path::new(""))) == plain(folder)
        })
    }

    /// The files with this ending in a folder beside the policies, in order of name.
    pub(crate) fn beside(&self, folder: &str, ending: &str) -> Result<Vec<PathBuf>, Failure> {
        let mut found = Vec::new();
        for place in &self.folders {
            let folder = place.join(folder);
            if folder.is_dir() {
                found.extend(files_in(&folder, ending)?);
            }
        }
        Ok(found)
    }
}

/// Policy texts: those that were named, else those of the configuration.
pub(crate) fn sources(origin: &Origin, side: &PolicySide) -> Result<Vec<PolicySource>, Failure> {
    match origin.policies.as_slice() {
        [] => Ok(read_policies(Path::new(""), &side.files)?),
        named => {
            let pattern = |path: &PathBuf| if path.is_dir() { path.join("*.cedar") } else { path.clone() };
            Ok(read_policies(Path::new(""), &named.iter().map(pattern).collect::<Vec<_>>())?)
        }
    }
}

/// The files with this ending in a folder, in order of name.
pub(crate) fn files_in(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = || Failure::of(format!("{} cannot be read", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable())? {
        let path = entry.map_err(unreadable())?.path();
        if path.extension().is_some_and(|extension| extension == ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_tools(path: &Path) -> Result<Vec<ToolDefinition>, Failure> {
    let shown = path.display();
    let wrong = |why: String| Failure::new(format!("{shown}: {why}")).with_exit(Exit::Usage);
    let bytes = std::fs::read(path).map_err(Failure::of(format!("{shown} cannot be read")))?;
    let json = Json::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    // A tools/list result, or the bare array of it.
    let tools = json.member("tools").unwrap_or(&json);
    let tools = tools.as_array().ok_or_else(|| wrong("it holds no array of tools".to_owned()))?;
    let definition = |tool: &Json| {
        let name = tool.member("name").and_then(Json::as_str).ok_or("a tool has no `name`".to_owned())?;
        let name = name.parse().map_err(|error| format!("{error}"))?;
        Ok(ToolDefinition { name, definition: tool.clone() })
    };
    tools.iter().map(definition).collect::<Result<_, String>>().map_err(wrong)
}

/// The registry of the home, if there is one.
pub(crate) struct Pinned(Option<SqliteStore>);

impl Pinned {
    /// Opens it; a home without a registry is none, and none is made.
    pub(crate) async fn open(context: &Context) -> Result<Self, Failure> {
        let path = context.home.join("placet.db");
        if !path.is_file() {
            return Ok(Self(None));
        }
        let unusable = Failure::of(format!("the registry {} cannot be read", path.display()));
        SqliteStore::open(&path).await.map(|store| Self(Some(store))).map_err(unusable)
    }

    /// The registry itself.
    pub(crate) fn store(&self) -> Option<&SqliteStore> {
        self.0.as_ref()
    }

    /// The accepted definitions of a connector.
    pub(crate) async fn tools(&self, connector: &ConnectorName) -> Result<Vec<ToolDefinition>, Failure> {
        let Some(store) = &self.0 else { return Ok(Vec::new()) };
        let pinned = store.pins().pinned(connector).await;
        let pinned = pinned.map_err(Failure::of("the pinned tools cannot be read"))?;
        Ok(pinned.into_iter().filter_map(|tool| tool.accepted).collect())
    }
}
