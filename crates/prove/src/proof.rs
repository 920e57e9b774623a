//! Proving a policy set: its invariants, that no veto and no gate ever errs, and that no rule is dead.
//! An error in a forbid would vanish in Cedar; here it denies, and proving it away keeps calls from being denied by it.

use cedar_policy::PolicySet;
use cedar_policy_symcc::{CompiledPolicy, CompiledPolicySet};
use placet_policy::{ExpectedVerdict, RuleClass};

use crate::counterexample::{self, Counterexample};
use crate::solver::{Answer, Session};
use crate::{Invariant, Never, ProveError, Rules, Solver};

/// What one check is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An invariant holds.
    Invariant,
    /// A veto, gate or duty never errs.
    NeverErrs,
    /// A policy can apply to some request.
    Alive,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is so, for every request.
    Proved,
    /// It is not so.
    Refuted(Option<Box<Counterexample>>),
    /// The solver does not know: not proved.
    Unsure(String),
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What it is about.
    pub subject: Subject,
    /// The `@id` of the invariant or the policy.
    pub id: String,
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What it says, in words.
    pub says: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// Everything that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// Each check, invariants first.
    pub checks: Vec<Check>,
    /// Questions that the solver was asked.
    pub questions: usize,
}

impl Proof {
    /// Whether everything was proved.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.verdict == Verdict::Proved)
    }
}

/// Proves a policy set.
///
/// # Errors
/// The solver does not start. What it cannot answer is [`Verdict::Unsure`].
pub async fn prove(solver: &Solver, rules: &Rules, invariants: &[Invariant]) -> Result<Proof, ProveError> {
    let mut prover = Prover { solver, rules, session: solver.start()?, questions: 0 };
    let mut checks = Vec::new();
    for invariant in invariants {
        let verdict = prover.invariant(invariant).await?;
        let says = invariant.reason.clone().unwrap_or_else(|| match invariant.never {
            Never::Reached => "it never comes about".to_owned(),
            Never::Alone => "it never comes about without a person".to_owned(),
        });
        checks.push(Check {
            subject: Subject::Invariant,
            id: invariant.id.clone(),
            file: invariant.file.clone(),
            line: invariant.line,
            says,
            verdict,
        });
    }
    for (place, policy) in &rules.policies {
        let check = |subject, says: &str, verdict| Check {
            subject,
            id: place.policy.to_string(),
            file: place.file.clone(),
            line: place.line,
            says: says.to_owned(),
            verdict,
        };
        if place.class != RuleClass::Grant {
            let verdict = prover.never_errs(policy).await?;
            checks.push(check(Subject::NeverErrs, "it can always be evaluated", verdict));
        }
        let verdict = prover.alive(policy).await?;
        checks.push(check(Subject::Alive, "some request meets it", verdict));
    }
    Ok(Proof { checks, questions: prover.questions })
}

struct Prover<'a> {
    solver: &'a Solver,
    rules: &'a Rules,
    session: Session,
    questions: usize,
}

impl Prover<'_> {
    async fn invariant(&mut self, invariant: &Invariant) -> Result<Verdict, ProveError> {
        let bad = match PolicySet::from_policies([invariant.policy.clone()]) {
            Ok(bad) => bad,
            Err(error) => return Ok(Verdict::Unsure(error.to_string())),
        };
        let (set, expected) = match invariant.never {
            Never::Reached => (self.rules.reach(), vec![ExpectedVerdict::Deny]),
            Never::Alone => {
                (self.rules.alone(), vec![ExpectedVerdict::RequireApproval, ExpectedVerdict::Deny])
            }
        };
        let mut describes_something = false;
        for scene in self.rules.agent_scenes() {
            let schema = &self.rules.schema;
            let compiled = (
                CompiledPolicySet::compile(&set, &scene, schema),
                CompiledPolicySet::compile(&bad, &scene, schema),
                CompiledPolicy::compile(&invariant.policy, &scene, schema),
            );
            let (Ok(set), Ok(bad), Ok(policy)) = compiled else {
                return Ok(Verdict::Unsure(format!(
                    "`{}` cannot be compiled for the solver",
                    scene.action()
                )));
            };
            self.questions += 2;
            match self.session.compiler.check_never_matches_opt(&policy).await {
                Ok(never) => describes_something |= !never,
                Err(error) => return self.unsure(&error),
            }
            let found = self.session.compiler.check_disjoint_with_counterexample_opt(&set, &bad).await;
            match Answer::of(found) {
                Answer::None => {}
                Answer::Found(found) => {
                    let name = format!("{} is never {}", invariant.id, invariant.never.as_str());
                    let example = counterexample::of(&found, self.rules, name, expected);
                    return Ok(Verdict::Refuted(example.ok().map(Box::new)));
                }
                Answer::Unsure(why) => return self.unsure(&why),
            }
        }
        match describes_something {
            true => Ok(Verdict::Proved),
            // True of nothing, and so true of everything: whoever wrote it meant something else.
            false => Ok(Verdict::Unsure("it describes no call at all".to_owned())),
        }
    }

    async fn never_errs(&mut self, policy: &cedar_policy::Policy) -> Result<Verdict, ProveError> {
        for scene in self.rules.scenes() {
            let Ok(compiled) = CompiledPolicy::compile(policy, &scene, &self.rules.schema) else {
                return Ok(Verdict::Unsure(format!(
                    "`{}` cannot be compiled for the solver",
                    scene.action()
                )));
            };
            self.questions += 1;
            let found = self.session.compiler.check_never_errors_with_counterexample_opt(&compiled).await;
            match Answer::of(found) {
                Answer::None => {}
                Answer::Found(found) => {
                    let name = format!("{} can be evaluated", policy.id());
                    let expected =
                        vec![ExpectedVerdict::Allow, ExpectedVerdict::RequireApproval, ExpectedVerdict::Deny];
                    let example = counterexample::of(&found, self.rules, name, expected);
                    return Ok(Verdict::Refuted(example.ok().map(Box::new)));
                }
                Answer::Unsure(why) => return self.unsure(&why),
            }
        }
        Ok(Verdict::Proved)
    }

    async fn alive(&mut self, policy: &cedar_policy::Policy) -> Result<Verdict, ProveError> {
        for scene in self.rules.scenes() {
            let Ok(compiled) = CompiledPolicy::compile(policy, &scene, &self.rules.schema) else {
                return Ok(Verdict::Unsure(format!(
                    "`{}` cannot be compiled for the solver",
                    scene.action()
                )));
            };
            self.questions += 1;
            match self.session.compiler.check_never_matches_opt(&compiled).await {
                Ok(true) => {}
                Ok(false) => return Ok(Verdict::Proved),
                Err(error) => return self.unsure(&error),
            }
        }
        Ok(Verdict::Refuted(None))
    }

    /// A solver that failed once is not asked again: the next question gets a new one.
    fn unsure(&mut self, why: &dyn std::fmt::Display) -> Result<Verdict, ProveError> {
        self.session = self.solver.start()?;
        Ok(Verdict::Unsure(why.to_string()))
    }
}
