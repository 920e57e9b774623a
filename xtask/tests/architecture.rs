//! The house, checked: which crate may name which, which crate alone names a library, and how files are cut.
//! The rule is written in ARCHITECTURE.md; a new arrow or a new crate needs a decision record there first.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tree that cannot be read is a failed test"
)]

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Crate, and the crates of the house that it may name. What is not here is not there.
const ARROWS: [(&str, &[&str]); 15] = [
    ("domain", &[]),
    ("wire", &["domain"]),
    ("policy", &["domain"]),
    // Off the data path: `cli` alone names it.
    ("prove", &["domain", "policy"]),
    // An auditor builds it alone.
    ("ledger", &[]),
    ("identity", &["domain"]),
    ("scan", &["domain", "policy", "wire"]),
    ("engine", &["domain", "identity", "ledger", "policy"]),
    ("store", &["domain", "engine", "ledger"]),
    ("connect", &["domain", "engine", "identity", "wire"]),
    ("gateway", &["domain", "engine", "wire"]),
    ("control", &["domain", "engine", "identity", "policy"]),
    (
        "cli",
        &[
            "connect",
            "control",
            "domain",
            "engine",
            "example-crm",
            "gateway",
            "identity",
            "ledger",
            "policy",
            "prove",
            "scan",
            "store",
            "wire",
        ],
    ),
    // A world for tests: nobody's normal dependency.
    ("testkit", &["domain", "engine", "identity", "ledger", "policy"]),
    // Stands for a system of somebody else: it knows nothing of the house.
    ("example-crm", &[]),
];

/// Library, and the crates that name it: one, but for proofs, which read policies again.
const ALONE: [(&str, &[&str]); 5] = [
    ("cedar-policy", &["placet-policy", "placet-prove"]),
    ("cedar-policy-core", &["placet-policy"]),
    ("jsonwebtoken", &["placet-identity"]),
    ("sqlx", &["placet-store"]),
    ("cedar-policy-symcc", &["placet-prove"]),
];

/// Crates without async.
const SYNCHRONOUS: [&str; 5] = ["domain", "identity", "ledger", "policy", "wire"];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["common", "helpers", "manager", "models", "types", "utils"];

/// The end of a file, in lines.
const LONGEST_FILE: usize = 600;
/// The pipeline is the file that is shown to visitors.
const LONGEST_PIPELINE: usize = 150;

/// One package of the workspace.
struct Package {
    name: String,
    folder: PathBuf,
    /// Kind (`normal`, `dev`, `build`) and name.
    dependencies: Vec<(String, String)>,
}

impl Package {
    fn house_name(&self) -> Option<&str> {
        self.name.strip_prefix("placet-")
    }

    fn names(&self, library: &str) -> bool {
        self.dependencies.iter().any(|(_, name)| name == library)
    }

    fn normal(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|(kind, _)| kind != "dev").map(|(_, name)| name.as_str())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What cargo knows of the workspace, asked without the network. The load generator and its upstream in `bench/` are
/// no part of the house: figures of other programs were taken with the very same code.
fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let metadata: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let read = |package: &Value| Package {
        name: text(package, "name").unwrap(),
        folder: Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_path_buf(),
        dependencies: package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(one, "kind").unwrap_or_else(|| "normal".to_owned()), text(one, "name").unwrap()))
            .collect(),
    };
    let measuring = root().join("bench");
    let all = metadata["packages"].as_array().unwrap().iter().map(read);
    all.filter(|package| !package.folder.starts_with(&measuring)).collect()
}

/// Every Rust file below a folder of the project, build output left out.
fn rust_files(below: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(below).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() && name != "target" && path != root().join("bench") && !name.starts_with('.') {
            files.extend(rust_files(&path));
        } else if path.extension() == Some(OsStr::new("rs")) {
            files.push(path);
        }
    }
    files
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs")
}

#[test]
fn crates_name_only_the_crates_below_them() {
    let mut wrong = Vec::new();
    for package in packages() {
        let Some(from) = package.house_name().filter(|name| *name != "example-everything") else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == from) else {
            wrong
                .push(format!("`{from}` is not in the table of arrows: a new crate needs a decision record"));
            continue;
        };
        let named = package.normal().filter_map(|name| name.strip_prefix("placet-"));
        wrong.extend(
            named.filter(|to| !allowed.contains(to)).map(|to| format!("`{from}` must not name `{to}`")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_of_arrows_has_no_circle() {
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    while placed.len() < ARROWS.len() {
        let next = ARROWS
            .iter()
            .find(|(name, below)| !placed.contains(name) && below.iter().all(|one| placed.contains(one)));
        let (name, _) = next.expect("the crates that are left name each other in a circle");
        placed.insert(name);
    }
}

#[test]
fn one_crate_alone_names_each_of_these_libraries() {
    let packages = packages();
    for (library, owners) in ALONE {
        let naming: Vec<&str> = packages
            .iter()
            .filter(|package| package.names(library))
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(naming, owners, "crates that name `{library}`");
    }
}

#[test]
fn crates_that_only_compute_have_no_runtime() {
    for package in packages() {
        if package.house_name().is_some_and(|name| SYNCHRONOUS.contains(&name)) {
            let runtimes: Vec<&str> =
                package.normal().filter(|name| matches!(*name, "tokio" | "async-trait" | "hyper")).collect();
            assert!(runtimes.is_empty(), "`{}` names {runtimes:?}", package.name);
        }
    }
}

#[test]
fn nothing_that_is_shipped_names_the_testkit() {
    for package in packages() {
        assert!(
            !package.normal().any(|name| name == "placet-testkit"),
            "`{}` ships the testkit",
            package.name
        );
    }
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    let inherits = |package: &Package| {
        let manifest = fs::read_to_string(package.folder.join("Cargo.toml")).unwrap();
        manifest.contains("[lints]\nworkspace = true")
    };
    let without: Vec<String> =
        packages().into_iter().filter(|package| !inherits(package)).map(|package| package.name).collect();
    assert!(without.is_empty(), "crates with lints of their own or none: {without:?}");
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for line in ["unsafe_code = \"forbid\"", "too_many_lines = \"warn\"", "allow_attributes = \"deny\""] {
        assert!(workspace.contains(line), "{line}");
    }
    let clippy = fs::read_to_string(root().join("clippy.toml")).unwrap();
    assert!(clippy.contains("too-many-lines-threshold = 70"));
}

#[test]
fn no_file_is_too_long_to_read() {
    let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<String> = rust_files(&root())
        .into_iter()
        .filter(|path| !is_test(path) && lines(path) > LONGEST_FILE)
        .map(|path| format!("{}: {} lines", path.display(), lines(&path)))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
    assert!(lines(&root().join("crates/engine/src/pipeline.rs")) < LONGEST_PIPELINE);
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    for path in rust_files(&root()) {
        let within = path.strip_prefix(root()).unwrap().with_extension("");
        let empty = within
            .components()
            .any(|part| EMPTY_NAMES.iter().any(|name| part.as_os_str() == OsStr::new(name)));
        assert!(!empty, "{}", path.display());
    }
}

#[test]
fn the_root_of_a_library_only_names_its_modules() {
    for package in packages() {
        let Ok(text) = fs::read_to_string(package.folder.join("src/lib.rs")) else { continue };
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for statement in without_attributes(&code).split(';').map(str::trim).filter(|one| !one.is_empty()) {
            let names = ["mod ", "pub mod ", "pub use ", "pub(crate) use "]
                .iter()
                .any(|word| statement.starts_with(word));
            assert!(names, "`{}`: lib.rs holds more than re-exports: {statement}", package.name);
        }
    }
}

/// The text without `#[…]` and `#![…]`.
fn without_attributes(text: &str) -> String {
    let (mut kept, mut depth, mut before) = (String::new(), 0_usize, ' ');
    for character in text.chars() {
        match character {
            '[' if depth > 0 || matches!(before, '#' | '!') => depth += 1,
            ']' if depth > 0 => depth -= 1,
            '#' | '!' => {}
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
        before = character;
    }
    kept
}
