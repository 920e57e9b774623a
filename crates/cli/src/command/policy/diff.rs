//! `placet policy diff`: what a change of policies changes, for whom: policies, what known callers are shown, what the
//! tests say, and with a solver whether any call at all gets through that did not.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use placet_domain::{Json, Object, Operation};
use placet_engine::ports::Clock as _;
use placet_policy::{Case, ExpectedVerdict, PolicySource, Workbench};
use placet_prove::{Never, Rules, Widening, widenings};

use super::{
    cases::{self, Written},
    material::{Material, Origin, Pinned},
    prove::{solver, told},
};
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, note, out, visible},
    system::SystemClock,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples: placet policy diff\n          placet policy diff git:main\n          placet policy diff old-policies policies"
)]
pub(crate) struct Diff {
    /// A folder or file of policies, or `git:REVISION` of the files of the configuration
    #[arg(value_name = "OLD", default_value = "git:HEAD")]
    old: String,
    /// The same; without it, the files as they are
    #[arg(value_name = "NEW")]
    new: Option<String>,
    /// Folder of tool definitions, as for `placet policy test`
    #[arg(long, value_name = "DIR")]
    tools: Option<PathBuf>,
    /// Compare what callers are shown and what the tests say, without a solver
    #[arg(long)]
    concrete: bool,
}

/// One caller, one tool, and whether it is shown.
type Shown = BTreeMap<(String, String), bool>;

pub(crate) async fn run(diff: &Diff, context: &Context) -> Result<Exit, Failure> {
    let origin = Origin::with_tools(diff.tools.clone());
    let material = Material::read(&origin, context).await?;
    let old = sources(&diff.old, &material)?;
    let new = match &diff.new {
        Some(new) => sources(new, &material)?,
        None => material.sources.clone(),
    };
    let refused = |which: &'static str| {
        move |errors: placet_policy::LoadErrors| {
            Failure::new(format!("{which}: {errors}")).with_exit(Exit::Findings)
        }
    };
    let before = Rules::load(&old, &material.config).map_err(refused("old"))?;
    let after = Rules::load(&new, &material.config).map_err(refused("new"))?;
    let (left, right) = (before.workbench(), after.workbench());
    let mut found = Found { changes: changes(left, right), ..Found::default() };
    let written = tests(&material)?;
    found.listed(&callers(&written, context).await?, &material, left, right);
    found.judged(&written, left, right);
    let exit = match (diff.concrete, solver()) {
        (true, _) => Exit::Ok,
        (false, Err(why)) => {
            found.skipped = Some(why);
            Exit::Skipped
        }
        (false, Ok(solver)) => {
            found.widened =
                widenings(&solver, &before, &after).await.map_err(Failure::of("nothing was compared"))?;
            if found.widened.is_empty() { Exit::Ok } else { Exit::Findings }
        }
    };
    match context.screen.is_json() {
        true => context.screen.json(&found.to_json(diff.concrete).into()),
        false => found.show(diff.concrete, context),
    }
    Ok(exit)
}

/// Everything that differs.
#[derive(Debug, Default)]
struct Found {
    /// Word and policy.
    changes: Vec<(&'static str, String)>,
    /// Caller, tool, and whether it is gained.
    shown: Vec<(String, String, bool)>,
    /// Test, old verdict, new verdict.
    flipped: Vec<(String, &'static str, &'static str)>,
    widened: Vec<Widening>,
    skipped: Option<String>,
}

impl Found {
    fn listed(&mut self, callers: &[(String, Case)], material: &Material, old: &Workbench, new: &Workbench) {
        let (before, after) = (shown(callers, material, old), shown(callers, material, new));
        for (at, now) in after {
            if before.get(&at) != Some(&now) {
                self.shown.push((at.0, at.1, now));
            }
        }
    }

    fn judged(&mut self, written: &[Written], old: &Workbench, new: &Workbench) {
        let verdict = |workbench: &Workbench, case: &Case| {
            let request = case.request(workbench.snapshot()).ok()?;
            Some(ExpectedVerdict::of(&workbench.snapshot().decide(&request).verdict).as_str())
        };
        for one in written {
            let (Some(before), Some(after)) = (verdict(old, &one.case), verdict(new, &one.case)) else {
                continue;
            };
            if before != after {
                self.flipped.push((one.told.clone(), before, after));
            }
        }
    }

    fn show(&self, concrete: bool, context: &Context) {
        for (word, policy) in &self.changes {
            out(&format!("{word} `{}`", visible(policy)));
        }
        for (caller, tool, gained) in &self.shown {
            let word = match gained {
                true => context.screen.tone("gains", Tone::Attention),
                false => context.screen.tone("loses", Tone::Good),
            };
            out(&format!("`{}` {word} {tool}", visible(caller)));
        }
        for (call, before, after) in &self.flipped {
            out(&format!("{before} -> {after}: {}", visible(call)));
        }
        for one in &self.widened {
            let what = word(one.what);
            let place = format!("{} on {}", one.action, one.resource);
            match (&one.unsure, &one.example) {
                (Some(why), _) => {
                    out(&format!("not known whether {what} is wider for {place}: {}", visible(why)))
                }
                (None, Some(example)) => {
                    out(&format!(
                        "{} for {place}:\n\n{}",
                        context.screen.tone(&format!("{what} is wider"), Tone::Bad),
                        told(example)
                    ));
                }
                (None, None) => {
                    out(&format!(
                        "{} for {place}",
                        context.screen.tone(&format!("{what} is wider"), Tone::Bad)
                    ));
                }
            }
        }
        match &self.skipped {
            Some(why) => note(&format!("skipped: whether any call gets through that did not: {why}")),
            None if concrete => {}
            None if self.widened.is_empty() => {
                out("proved: no call gets through that did not, with or without a person");
            }
            None => {}
        }
    }

    fn to_json(&self, concrete: bool) -> Object {
        let changes: Vec<Object> = self
            .changes
            .iter()
            .map(|(word, policy)| Object::new().with("policy", policy.as_str()).with("change", *word))
            .collect();
        let shown: Vec<Object> = self
            .shown
            .iter()
            .map(|(caller, tool, gained)| {
                Object::new()
                    .with("caller", caller.as_str())
                    .with("tool", tool.as_str())
                    .with("gains", *gained)
            })
            .collect();
        let flipped: Vec<Object> = self
            .flipped
            .iter()
            .map(|(call, old, new)| {
                Object::new().with("call", call.as_str()).with("old", *old).with("new", *new)
            })
            .collect();
        let widened: Vec<Object> = self.widened.iter().map(widening).collect();
        let compared = !concrete && self.skipped.is_none();
        Object::new()
            .with("schema", "placet/v1/policy-diff")
            .with("policies", changes)
            .with("callers", shown)
            .with("tests", flipped)
            .with("compared_symbolically", compared)
            .with_some("skipped", self.skipped.as_deref())
            .with_some("widened", compared.then_some(widened))
    }
}

fn widening(one: &Widening) -> Object {
    Object::new()
        .with("action", one.action.as_str())
        .with("resource", one.resource.as_str())
        .with("what", word(one.what))
        .with_some("unsure", one.unsure.as_deref())
        .with_some("test", one.example.as_ref().map(|example| told(example)))
        .with_some("confirmed", one.example.as_ref().map(|example| example.confirmed))
}

fn word(what: Never) -> &'static str {
    match what {
        Never::Reached => "reach",
        Never::Alone => "autonomy",
    }
}

/// Policies that came, went or say something else.
fn changes(old: &Workbench, new: &Workbench) -> Vec<(&'static str, String)> {
    let meanings = |workbench: &Workbench| -> BTreeMap<String, String> {
        workbench.meanings().map(|(policy, meaning)| (policy.to_string(), meaning.to_owned())).collect()
    };
    let (before, after) = (meanings(old), meanings(new));
    let mut changes = Vec::new();
    for (policy, meaning) in &after {
        match before.get(policy) {
            None => changes.push(("added", policy.clone())),
            Some(then) if then != meaning => changes.push(("changed", policy.clone())),
            Some(_) => {}
        }
    }
    changes.extend(
        before.into_keys().filter(|policy| !after.contains_key(policy)).map(|policy| ("removed", policy)),
    );
    changes
}

fn tests(material: &Material) -> Result<Vec<Written>, Failure> {
    let mut written = Vec::new();
    for file in material.beside("tests", "toml")? {
        written.extend(cases::read(&file)?);
    }
    Ok(written)
}

/// Those whom the tests know, and the agents of the home's registry.
async fn callers(written: &[Written], context: &Context) -> Result<Vec<(String, Case)>, Failure> {
    let mut callers: BTreeMap<String, Case> = BTreeMap::new();
    for one in written {
        let name = one.told.split_whitespace().next().unwrap_or_default();
        callers.entry(name.to_owned()).or_insert_with(|| one.case.clone());
    }
    let pinned = Pinned::open(context).await?;
    let agents = pinned.store().map(|store| store.registry().agents()).unwrap_or_default();
    let now = SystemClock::default().now();
    for agent in agents {
        if let Some(case) = cases::of_agent(&agent, now) {
            callers.entry(agent.name.to_string()).or_insert(case);
        }
    }
    Ok(callers.into_iter().collect())
}

fn shown(callers: &[(String, Case)], material: &Material, workbench: &Workbench) -> Shown {
    let mut shown = Shown::new();
    for connector in &material.config.connectors {
        for tool in &connector.tools {
            for (name, case) in callers {
                let mut case = case.clone();
                case.connector = connector.name.clone();
                case.operation = Operation::Tool(tool.name.clone());
                case.params = Object::new().with("arguments", Json::Object(Object::new()));
                let Ok(request) = case.request(workbench.snapshot()) else { continue };
                let may = workbench.snapshot().may_list(
                    &request.agent,
                    &request.instance,
                    request.user.as_deref(),
                    &connector.name,
                    &tool.name,
                    case.now,
                );
                shown.insert((name.clone(), format!("{}.{}", connector.name, tool.name)), may);
            }
        }
    }
    shown
}

/// Policy texts of a folder, a file or a revision.
fn sources(place: &str, material: &Material) -> Result<Vec<PolicySource>, Failure> {
    match place.strip_prefix("git:") {
        Some(revision) => of_revision(revision, material),
        None => {
            let path = PathBuf::from(place);
            let pattern = if path.is_dir() { path.join("*.cedar") } else { path };
            Ok(crate::config::read_policies(Path::new(""), &[pattern])?)
        }
    }
}

/// The files of the configuration as they were, by the `git` program; nothing of it goes through a shell.
fn of_revision(revision: &str, material: &Material) -> Result<Vec<PolicySource>, Failure> {
    let plain = |one: char| one.is_ascii_alphanumeric() || "./_-~^@{}".contains(one);
    if revision.is_empty() || revision.starts_with('-') || !revision.chars().all(plain) {
        return Err(Failure::new(format!("`{revision}` is not a revision")).with_exit(Exit::Usage));
    }
    let mut sources = Vec::new();
    for folder in material.folders() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
        let listed = git(folder, &["ls-tree", "--name-only", revision, "./"])?;
        for name in listed.lines().filter(|name| material.names(folder, name)) {
            let text = git(folder, &["show", &format!("{revision}:./{name}")])?;
            sources.push(PolicySource { name: folder.join(name).display().to_string(), text });
        }
    }
    Ok(sources)
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .map_err(Failure::of("git cannot be started; name a folder instead of a revision"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::new(format!("git: {}", visible(&why))));
    }
    String::from_utf8(output.stdout).map_err(Failure::of("a policy file is not UTF-8"))
}
