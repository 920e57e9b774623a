//! The starter policies' invariants, proved; and every seeded widening, found: its counterexample is a test that fails
//! under the widened policies and passes under the sound ones.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{failure::Failure, process, process::Finished, tree};

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(120);
/// How long an installation may take.
const INSTALL: Duration = Duration::from_secs(300);
/// What `placet` says when it has findings.
const FINDINGS: Option<i32> = Some(9);
/// What it says when it cannot prove anything.
const SKIPPED: Option<i32> = Some(77);

/// A change of the CRM's policies that lets something through.
struct Seeded {
    /// What was done, in words.
    what: &'static str,
    /// Text, and what stands there afterwards.
    from: &'static str,
    to: &'static str,
    /// The invariant that no longer holds.
    breaks: &'static str,
}

const WIDENINGS: [Seeded; 6] = [
    Seeded {
        what: "tier 1 writes",
        from: "when { principal.tier <= 1 };",
        to: "when { principal.tier < 1 };",
        breaks: "tier1-never-writes",
    },
    Seeded {
        what: "a deal is won without a person",
        from: "[\"Closed Won\", \"Closed Lost\"].contains",
        to: "[\"Closed-Won\", \"Closed Lost\"].contains",
        breaks: "closed-won-never-alone",
    },
    Seeded {
        what: "mail leaves for one more domain",
        from: "[\"example.com\", \"partner.example\"]",
        to: "[\"example.com\", \"partner.example\", \"evil.example\"]",
        breaks: "mail-never-outside-alone",
    },
    Seeded {
        what: "mail is looked at only if it has recipients outside, by one of them",
        from: ".containsAll(context.to_domains)",
        to: ".containsAny(context.to_domains)",
        breaks: "mail-never-outside-alone",
    },
    Seeded {
        what: "a veto becomes a gate",
        from: "@remedy(\"leave these fields out and ask finance to change them\")",
        to: "@unless(\"approval\") @approvers(\"finance\")",
        breaks: "discount-never",
    },
    Seeded {
        what: "a veto reads `&&` for `||`",
        from: "context.input has billing_contact_email || context.input has discount_rate",
        to: "context.input has billing_contact_email && context.input has discount_rate",
        breaks: "discount-never",
    },
];

/// Rules that must be found: an overflow that would deny, and one that can never fire.
const UNSOUND: &str = r#"
@id("can-err")
@reason("seeded")
forbid (principal is Agent, action == Action::"crm.update_deal", resource)
when { context.input has amount && context.input.amount * 3 > 1000000 };

@id("is-dead")
@reason("seeded")
forbid (principal is Agent, action == Action::"crm.update_deal", resource)
when { context.input has amount && context.input.amount > 5 && context.input.amount < 3 };
"#;

/// Runs the check.
pub(crate) fn run() -> Result<(), Failure> {
    let folder = tree::fresh("prove")?;
    let [placet] = tree::binaries([("placet-cli", "placet")], &folder)?;
    let scene = Scene { placet, solver: solver(&folder)?, folder };
    scene.sound()?;
    for seeded in &WIDENINGS {
        scene.seeded(seeded)?;
    }
    scene.unsound()?;
    scene.compared()?;
    scene.without_a_solver()
}

/// cvc5: named, on the `PATH`, or from the Debian package.
fn solver(folder: &Path) -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os("CVC5") {
        return Ok(named.into());
    }
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|place| place.join("cvc5")).find(|program| program.is_file())
    };
    if let Some(program) = on_path() {
        return Ok(program);
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends", "cvc5"]);
    let installed = process::finish(&mut install, &folder.join("apt.log"), INSTALL);
    match (installed, on_path()) {
        (Ok(_), Some(program)) => Ok(program),
        _ => Err(Failure::Unavailable("cvc5 cannot be had; install the package `cvc5`".to_owned())),
    }
}

struct Scene {
    placet: PathBuf,
    solver: PathBuf,
    folder: PathBuf,
}

impl Scene {
    fn run(&self, policies: &Path, arguments: &[&str], name: &str) -> Result<Finished, Failure> {
        self.run_with(&self.solver, policies, arguments, name)
    }

    fn run_with(
        &self,
        solver: &Path,
        policies: &Path,
        arguments: &[&str],
        name: &str,
    ) -> Result<Finished, Failure> {
        let mut command = Command::new(&self.placet);
        command
            .arg("policy")
            .args(arguments)
            .arg("--config")
            .arg(policies.join("placet.toml"))
            .arg("--home")
            .arg(self.folder.join("no-home"))
            .env("CVC5", solver);
        process::finish(&mut command, &self.folder.join(format!("{name}.log")), COMMAND)
    }

    /// The worked example as it is.
    #[expect(clippy::print_stdout, reason = "the figures of the check")]
    fn sound(&self) -> Result<(), Failure> {
        let began = Instant::now();
        let proved = self.run(&tree::root().join("policies"), &["prove", "--json"], "sound")?;
        if proved.code != Some(0) {
            return Err(Failure::Missed(format!("not proved:\n{}{}", proved.output, proved.errors)));
        }
        let answer: Value = serde_json::from_str(&proved.output)?;
        let checks = answer.get("checks").and_then(Value::as_array).map_or(0, Vec::len);
        println!(
            "the CRM's policies: {checks} checks proved by {} questions in {} ms",
            answer.get("questions").unwrap_or(&Value::Null),
            began.elapsed().as_millis()
        );
        Ok(())
    }

    /// A copy of the policies with one change.
    fn copy(&self, name: &str, from: &str, to: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join(name);
        for part in ["", "tools", "invariants"] {
            fs::create_dir_all(folder.join(part))?;
            for entry in fs::read_dir(tree::root().join("policies").join(part))? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    fs::copy(entry.path(), folder.join(part).join(entry.file_name()))?;
                }
            }
        }
        let file = folder.join("crm.cedar");
        let text = fs::read_to_string(&file)?;
        if text.matches(from).count() != 1 {
            return Err(Failure::Broke(format!("`{from}` does not stand in crm.cedar exactly once")));
        }
        fs::write(file, text.replace(from, to))?;
        Ok(folder)
    }

    #[expect(clippy::print_stdout, reason = "the figures of the check")]
    fn seeded(&self, seeded: &Seeded) -> Result<(), Failure> {
        let name = seeded.what.replace(|one: char| !one.is_ascii_alphanumeric(), "-");
        let wide = self.copy(&name, seeded.from, seeded.to)?;
        let tests = self.folder.join(format!("{name}-tests"));
        let tests_text = tests.to_string_lossy().into_owned();
        let proved = self.run(&wide, &["prove", "--json", "--write", &tests_text], &name)?;
        let answer: Value = serde_json::from_str(&proved.output)?;
        let refuted = answer.get("checks").and_then(Value::as_array).into_iter().flatten().any(|check| {
            check.get("id").and_then(Value::as_str) == Some(seeded.breaks)
                && check.get("verdict").and_then(Value::as_str) == Some("refuted")
                && check.get("confirmed") == Some(&Value::Bool(true))
        });
        if proved.code != FINDINGS || !refuted {
            return Err(Failure::Missed(format!(
                "{}: `{}` was not refuted with a call that shows it:\n{}",
                seeded.what, seeded.breaks, proved.output
            )));
        }
        let test = tests.join(format!("{}.toml", seeded.breaks)).to_string_lossy().into_owned();
        let fails = self.run(&wide, &["test", &test], &format!("{name}-wide"))?;
        let passes = self.run(&tree::root().join("policies"), &["test", &test], &format!("{name}-sound"))?;
        if fails.code != FINDINGS || passes.code != Some(0) {
            return Err(Failure::Missed(format!(
                "{}: the test does not tell the two apart: {:?}, {:?}\n{}{}",
                seeded.what, fails.code, passes.code, fails.output, passes.output
            )));
        }
        println!("seeded: {}: `{}` refuted, and its test tells", seeded.what, seeded.breaks);
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "the figures of the check")]
    fn unsound(&self) -> Result<(), Failure> {
        let folder = self.copy("unsound", "// ---- Gates ----", &format!("{UNSOUND}\n// ---- Gates ----"))?;
        let proved = self.run(&folder, &["prove", "--json"], "unsound")?;
        let answer: Value = serde_json::from_str(&proved.output)?;
        let checks = answer.get("checks").and_then(Value::as_array).cloned().unwrap_or_default();
        for (check, id) in [("never_errs", "can-err"), ("alive", "is-dead")] {
            let found = checks.iter().any(|one| {
                one.get("check").and_then(Value::as_str) == Some(check)
                    && one.get("id").and_then(Value::as_str) == Some(id)
                    && one.get("verdict").and_then(Value::as_str) == Some("refuted")
            });
            if !found {
                return Err(Failure::Missed(format!(
                    "`{id}` was not found by `{check}`:\n{}",
                    proved.output
                )));
            }
        }
        println!("seeded: a veto that can err and one that is dead: both found");
        Ok(())
    }

    /// One cap, moved up, moved down, and said in another way.
    #[expect(clippy::print_stdout, reason = "the figures of the check")]
    fn compared(&self) -> Result<(), Failure> {
        let root = tree::root().join("policies");
        let cap = "context.input has amount && context.input.amount > 10000 };";
        for (what, to, wider) in [
            ("the cap at 20000", "context.input has amount && context.input.amount > 20000 };", true),
            ("the cap at 500", "context.input has amount && context.input.amount > 500 };", false),
            (
                "the cap said otherwise",
                "context.input has amount && !(context.input.amount <= 10000) };",
                false,
            ),
        ] {
            let name = what.replace(' ', "-");
            let folder = self.copy(&name, cap, to)?;
            let of = |folder: &Path| folder.join("crm.cedar").to_string_lossy().into_owned();
            let compared = self.run(&root, &["diff", &of(&root), &of(&folder), "--json"], &name)?;
            let answer: Value = serde_json::from_str(&compared.output)?;
            let widened = answer.get("widened").and_then(Value::as_array).cloned().unwrap_or_default();
            let expected = if wider { FINDINGS } else { Some(0) };
            let shows = widened.iter().all(|one| {
                one.get("what").and_then(Value::as_str) == Some("autonomy")
                    && one.get("confirmed") == Some(&Value::Bool(true))
            });
            if compared.code != expected || widened.is_empty() == wider || !shows {
                return Err(Failure::Missed(format!("{what}: {:?}\n{}", compared.code, compared.output)));
            }
            println!(
                "compared: {what}: {}",
                if wider { "autonomy is wider, shown by a call" } else { "not wider" }
            );
        }
        Ok(())
    }

    /// Without a solver nothing is proved, and nothing says that it was.
    #[expect(clippy::print_stdout, reason = "the figures of the check")]
    fn without_a_solver(&self) -> Result<(), Failure> {
        let none = self.folder.join("no-solver");
        let skipped = self.run_with(&none, &tree::root().join("policies"), &["prove"], "skipped")?;
        match skipped.code == SKIPPED && !skipped.output.contains("proved") {
            true => {
                println!("without a solver: skipped with 77, never passed");
                Ok(())
            }
            false => Err(Failure::Missed(format!("{:?}: {}", skipped.code, skipped.output))),
        }
    }
}
