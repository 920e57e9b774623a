//! One policy set against another: what it lets through that the other did not, at all or without a person.

use cedar_policy::RequestEnv;
use cedar_policy_symcc::CompiledPolicySet;
use placet_policy::ExpectedVerdict;

use crate::counterexample::{self, Counterexample};
use crate::solver::{Answer, Session};
use crate::{Never, ProveError, Rules, Solver};

/// One action for which a set is wider than another.
#[derive(Debug, Clone, PartialEq)]
pub struct Widening {
    /// `<connector>.<tool>`.
    pub action: String,
    /// The kind of resource.
    pub resource: String,
    /// What widened: what can be reached at all, or what needs no person.
    pub what: Never,
    /// A call that shows it; nothing if the solver's could not be read.
    pub example: Option<Box<Counterexample>>,
    /// Why it is not known, if it is not.
    pub unsure: Option<String>,
}

/// Every action for which `new` is wider than `old`, both read against the same tools.
///
/// # Errors
/// The solver does not start.
pub async fn widenings(solver: &Solver, old: &Rules, new: &Rules) -> Result<Vec<Widening>, ProveError> {
    let mut session = solver.start()?;
    let mut found = Vec::new();
    for scene in new.agent_scenes() {
        for what in [Never::Reached, Never::Alone] {
            let Some(one) = wider(&mut session, old, new, &scene, what).await else { continue };
            if one.unsure.is_some() {
                session = solver.start()?;
            }
            found.push(one);
        }
    }
    Ok(found)
}

async fn wider(
    session: &mut Session,
    old: &Rules,
    new: &Rules,
    scene: &RequestEnv,
    what: Never,
) -> Option<Widening> {
    let widening = |example, unsure| {
        Some(Widening {
            action: scene.action().id().unescaped().to_owned(),
            resource: scene.resource().to_string(),
            what,
            example,
            unsure,
        })
    };
    let (before, after) = match what {
        Never::Reached => (old.reach(), new.reach()),
        Never::Alone => (old.alone(), new.alone()),
    };
    let compiled = (
        CompiledPolicySet::compile(&before, scene, &new.schema),
        CompiledPolicySet::compile(&after, scene, &new.schema),
    );
    let (Ok(before), Ok(after)) = compiled else {
        return widening(None, Some("it cannot be compiled for the solver".to_owned()));
    };
    let asked = session.compiler.check_implies_with_counterexample_opt(&after, &before).await;
    match Answer::of(asked) {
        Answer::None => None,
        Answer::Found(found) => {
            let name = format!("{} is not widened", scene.action().id().unescaped());
            let expected = match what {
                Never::Reached => vec![ExpectedVerdict::Deny],
                Never::Alone => vec![ExpectedVerdict::RequireApproval, ExpectedVerdict::Deny],
            };
            widening(counterexample::of(&found, new, name, expected).ok().map(Box::new), None)
        }
        Answer::Unsure(why) => widening(None, Some(why)),
    }
}
