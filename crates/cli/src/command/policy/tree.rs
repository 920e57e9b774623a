//! Policies from somewhere else than the files in force: a folder, or a commit of the repository that holds placet.toml.
//! `git` is run as a program with arguments, never by a shell, and is asked for nothing but trees and blobs.

use std::{
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

use placet_policy::PolicySource;

use crate::{config::Config, exit::Exit, failure::Failure};

/// Policies and where they came from, in the words of the control API.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) sources: Vec<PolicySource>,
    /// `folder`, or `git` with the id of a commit.
    pub(super) origin: String,
}

/// The policy files of the configuration as they are now.
pub(super) fn of_files(config: &Path) -> Result<Tree, Failure> {
    Ok(Tree { sources: Config::read(config)?.policy_sources()?, origin: "folder".to_owned() })
}

/// The policies of a folder: either laid out like the folder of placet.toml, or standing for its one folder of policies.
pub(super) fn of_folder(config: &Path, folder: &Path) -> Result<Tree, Failure> {
    let config = Config::read(config)?;
    let is_cedar = |path: &Path| path.extension().is_some_and(|extension| extension == "cedar");
    let entries = std::fs::read_dir(folder)
        .map_err(Failure::of(format!("the folder {} cannot be read", folder.display())))?;
    let stands_for_one = entries.flatten().any(|entry| is_cedar(&entry.path()));
    let patterns = relative(&config)?;
    let sources = match (stands_for_one, patterns.as_slice()) {
        (true, [only]) => {
            let place = only.parent().unwrap_or(Path::new(""));
            let mut sources = crate::config::read_policies(folder, &[folder.join("*.cedar")])?;
            sources
                .iter_mut()
                .for_each(|source| source.name = place.join(&source.name).display().to_string());
            sources
        }
        _ => {
            let patterns: Vec<PathBuf> = patterns.iter().map(|pattern| folder.join(pattern)).collect();
            crate::config::read_policies(folder, &patterns)?
        }
    };
    Ok(Tree { sources: some(sources, &folder.display().to_string())?, origin: "folder".to_owned() })
}

/// The policy files of the configuration as a commit holds them.
pub(super) fn of_commit(config: &Path, revision: &str) -> Result<Tree, Failure> {
    let config = Config::read(config)?;
    let git = Git { folder: config.folder.clone() };
    let commit = git.text(&[
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &format!("{revision}^{{commit}}"),
    ]);
    let commit = commit.map_err(|_| {
        let why = format!("there is no commit `{revision}` in the repository of {}", git.place());
        Failure::new(why).with_exit(Exit::NotFound)
    })?;
    let commit = commit.trim().to_owned();
    // Where the configuration lies in the repository: empty, or a path that ends in `/`.
    let prefix = git.text(&["rev-parse", "--show-prefix"])?.trim_end_matches('\n').to_owned();
    let patterns = relative(&config)?;
    let mut sources = Vec::new();
    let listed = git.text(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", &commit])?;
    for path in listed.split('\0') {
        let Some(name) = path.strip_prefix(&prefix) else { continue };
        if patterns.iter().any(|pattern| fits(pattern, Path::new(name))) {
            let text = git.text(&["cat-file", "blob", &format!("{commit}:{path}")])?;
            sources.push(PolicySource { name: name.to_owned(), text });
        }
    }
    Ok(Tree { sources: some(sources, &format!("commit {commit}"))?, origin: format!("git {commit}") })
}

/// A repository, by a folder in it.
struct Git {
    folder: PathBuf,
}

impl Git {
    fn text(&self, arguments: &[&str]) -> Result<String, Failure> {
        let folder = match self.folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => &self.folder,
        };
        let done = Command::new("git")
            // No hooks, no prompts, no optional locks: nothing is changed and nobody is asked.
            .args(["--no-optional-locks", "-C"])
            .arg(folder)
            .args(arguments)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .stdin(Stdio::null())
            .output()
            .map_err(Failure::of("`git` cannot be run; install it, or use `--from DIR`"))?;
        if !done.status.success() {
            let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            return Err(Failure::new(format!(
                "git does not give what was asked for in {}: {why}",
                self.place()
            )));
        }
        String::from_utf8(done.stdout).map_err(Failure::of("git gave a text that is not UTF-8"))
    }

    fn place(&self) -> String {
        match self.folder.as_os_str().is_empty() {
            true => "this folder".to_owned(),
            false => self.folder.display().to_string(),
        }
    }
}

/// The patterns of the configuration, relative to its folder.
pub(super) fn relative(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    let inside = |pattern: &PathBuf| {
        let relative = pattern.strip_prefix(&config.folder).unwrap_or(pattern).to_owned();
        match relative.components().all(|part| matches!(part, Component::Normal(_))) {
            true => Ok(relative),
            false => {
                let why = format!(
                    "`{}` of `[policy] files` lies outside the folder of placet.toml",
                    pattern.display()
                );
                Err(Failure::new(why).with_exit(Exit::Usage))
            }
        }
    };
    config.policy_files.iter().map(inside).collect()
}

/// Whether a file is the one that a pattern names, or one of its folder.
fn fits(pattern: &Path, file: &Path) -> bool {
    if pattern.file_name().is_none_or(|name| name != "*.cedar") {
        return pattern == file;
    }
    pattern.parent() == file.parent() && file.extension().is_some_and(|extension| extension == "cedar")
}

/// An empty set denies everything. Who wants that says so in a file.
fn some(sources: Vec<PolicySource>, place: &str) -> Result<Vec<PolicySource>, Failure> {
    match sources.is_empty() {
        true => {
            let next = "name a folder with `.cedar` files, or one that is laid out like that of placet.toml";
            let why = format!("{place} holds none of the policy files of placet.toml\n  next: {next}");
            Err(Failure::new(why).with_exit(Exit::NotFound))
        }
        false => Ok(sources),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn place() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("deploy/policies")).unwrap();
        fs::write(folder.path().join("deploy/placet.toml"), "").unwrap();
        fs::write(folder.path().join("deploy/policies/a.cedar"), "// one").unwrap();
        fs::write(folder.path().join("deploy/policies/notes.md"), "no policy").unwrap();
        folder
    }

    fn git(folder: &Path, arguments: &[&str]) {
        let done = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }

    #[test]
    fn a_folder_stands_for_the_folder_of_policies_or_for_that_of_the_configuration() {
        let place = place();
        let config = place.path().join("deploy/placet.toml");
        let files = of_files(&config).unwrap().sources;
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].name.as_str(), files[0].text.as_str()), ("policies/a.cedar", "// one"));
        for folder in ["deploy", "deploy/policies"] {
            assert_eq!(of_folder(&config, &place.path().join(folder)).unwrap().sources, files, "{folder}");
        }
        let empty = tempfile::tempdir().unwrap();
        fs::create_dir(empty.path().join("policies")).unwrap();
        assert_eq!(of_folder(&config, empty.path()).unwrap_err().exit(), Exit::NotFound);
    }

    #[test]
    fn a_commit_gives_the_files_as_they_were_and_no_word_is_an_option() {
        let place = place();
        let config = place.path().join("deploy/placet.toml");
        git(place.path(), &["init", "-q"]);
        git(place.path(), &["add", "."]);
        let who = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"];
        git(place.path(), &[&who[..], &["commit", "-q", "-m", "one"]].concat());
        fs::write(place.path().join("deploy/policies/a.cedar"), "// two").unwrap();
        let tree = of_commit(&config, "HEAD").unwrap();
        assert_eq!(tree.sources.len(), 1);
        assert_eq!(
            (tree.sources[0].name.as_str(), tree.sources[0].text.as_str()),
            ("policies/a.cedar", "// one")
        );
        assert!(tree.origin.strip_prefix("git ").is_some_and(|commit| commit.len() == 40));
        for wrong in ["no-such-branch", "--help", "-n1", "HEAD:deploy"] {
            assert_eq!(of_commit(&config, wrong).unwrap_err().exit(), Exit::NotFound, "{wrong}");
        }
    }
}
