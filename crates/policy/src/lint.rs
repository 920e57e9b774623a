//! Reads one policy's annotations and refuses what Cedar would silently ignore: a misspelt annotation must not
//! turn a gate into something else. The rules are in ARCHITECTURE.md, "Policy semantics".

use std::sync::Arc;
use std::time::Duration;

use cedar_policy::{ActionConstraint, Effect, Policy};
use cedar_policy_core::ast::Expr;
use jiff::SignedDuration;
use placet_domain::{Gate, GroupName, KeyPart, Limit, Measure, PolicyId, Timestamp, limits};

use crate::compare::Fingerprint;
use crate::duty;
use crate::mentions::{children, reads_only_the_caller};
use crate::parsed::{annotation, condition_without_places};
use crate::refute::Opening;
use crate::rule::{Class, Head, Rule};

const KNOWN: [&str; 16] = [
    "approvers",
    "expires",
    "fields",
    "granted_by",
    "id",
    "key",
    "limit",
    "mode",
    "owner",
    "path",
    "reason",
    "remedy",
    "rows",
    "sum",
    "timeout",
    "unless",
];
const ALL_KNOWN: &str = "use `id`, `reason`, `remedy`, `unless`, `approvers`, `timeout`, `fields`, `rows`, `path`, `limit`, \
                         `key`, `sum`, `mode`, `owner`, `granted_by` or `expires`";

/// Annotations that say more of a gate, and nothing of anything else.
const GATES_ONLY: [&str; 8] = ["approvers", "timeout", "fields", "rows", "path", "limit", "key", "sum"];

/// Deepest condition, in levels of its syntax tree. Cedar's validator passes what is too deep for its stack without
/// a word, so that has to be refused before.
const LEVELS: usize = 128;

/// What is wrong with a policy, and what to do about it.
pub(crate) type Complaint = (String, String);

/// The policy as a rule, or every complaint about its annotations.
pub(crate) fn read(policy: &Policy) -> Result<(Rule, ActionConstraint), Vec<Complaint>> {
    let mut complaints = Vec::new();
    for (key, _) in policy.annotations().filter(|(key, _)| !KNOWN.contains(key)) {
        complaints.push((format!("unknown annotation `@{key}`"), ALL_KNOWN.to_owned()));
    }
    let inner: &cedar_policy_core::ast::Policy = policy.as_ref();
    if inner.non_scope_constraints().is_some_and(is_too_deep) {
        complaints.push((
            format!("the condition is nested deeper than {LEVELS} levels"),
            "split the policy, or write `[…].contains(x)` instead of a long chain".to_owned(),
        ));
    }
    let id = noted(read_id(policy), &mut complaints);
    let class = id.as_ref().and_then(|id| noted(read_class(policy, id), &mut complaints));
    let shadow = noted(read_mode(policy), &mut complaints).unwrap_or_default();
    match (id, class) {
        (Some(id), Some(class)) if complaints.is_empty() => {
            let condition = condition_without_places(policy);
            let rule = Rule {
                id,
                class,
                principal: Head::of(inner.principal_constraint().as_inner()),
                resource: Head::of(inner.resource_constraint().as_inner()),
                of_caller: condition.as_ref().is_none_or(|condition| reads_only_the_caller(condition)),
                opening: Opening::of(condition.as_ref()),
                condition,
                of_calls: true,
                shadow,
                fingerprint: Fingerprint::of(policy),
                reason: annotation(policy, "reason").map(str::to_owned),
                remedy: annotation(policy, "remedy").map(str::to_owned),
            };
            Ok((rule, policy.action_constraint()))
        }
        _ => Err(complaints),
    }
}

fn is_too_deep(condition: &Expr) -> bool {
    let mut level = vec![condition];
    for _ in 0..LEVELS {
        level = level.into_iter().flat_map(children).collect();
    }
    !level.is_empty()
}

fn noted<T>(result: Result<T, Complaint>, complaints: &mut Vec<Complaint>) -> Option<T> {
    result.map_err(|complaint| complaints.push(complaint)).ok()
}

fn read_id(policy: &Policy) -> Result<PolicyId, Complaint> {
    let help = || "write `@id(\"…\")` before the policy: receipts and refusals name it".to_owned();
    let id = annotation(policy, "id").ok_or_else(|| ("the policy has no `@id`".to_owned(), help()))?;
    id.parse().map_err(|error: placet_domain::ParseNameError| (error.to_string(), help()))
}

/// Whether the policy is only tried.
fn read_mode(policy: &Policy) -> Result<bool, Complaint> {
    match annotation(policy, "mode") {
        None => Ok(false),
        Some("shadow") => Ok(true),
        Some(other) => Err((
            format!("unknown mode `{other}` in `@mode`"),
            "write `@mode(\"shadow\")` to have it evaluated without effect, or take it away".to_owned(),
        )),
    }
}

fn read_class(policy: &Policy, id: &PolicyId) -> Result<Class, Complaint> {
    let unless = annotation(policy, "unless");
    match (policy.effect(), unless) {
        (Effect::Permit, None) => {
            only_with(policy, &GATES_ONLY, "`@unless`")?;
            Ok(Class::Grant { expires: read_expiry(policy)? })
        }
        (Effect::Permit, Some(_)) => Err((
            "`@unless` on a permit".to_owned(),
            "write a `forbid` with `@unless`: a gate holds whichever permit grants the call".to_owned(),
        )),
        (Effect::Forbid, unless) => {
            only_with(policy, &["expires", "granted_by"], "a `permit`")?;
            match unless {
                None => {
                    only_with(policy, &GATES_ONLY, "`@unless`")?;
                    Ok(Class::Veto)
                }
                Some("approval") => read_gate(policy, id).map(Class::Gate),
                Some(kind) if duty::KINDS.contains(&kind) => {
                    only_with(policy, &["approvers", "timeout"], "`@unless(\"approval\")`")?;
                    only_with(policy, &["key", "limit", "sum"], "`@unless(\"rate_limit\")`")?;
                    duty::read(policy, id, kind).map(Class::Duty)
                }
                Some("rate_limit") => read_limit(policy, id).map(|limit| Class::Limit(Arc::new(limit))),
                Some(other) => Err((
                    format!("unknown kind `{other}` in `@unless`"),
                    "use `approval`, `redact`, `cap_rows`, `require_fields` or `rate_limit`".to_owned(),
                )),
            }
        }
    }
}

/// Refuses annotations that would be without effect where they stand.
pub(crate) fn only_with(policy: &Policy, keys: &[&str], needed: &str) -> Result<(), Complaint> {
    match keys.iter().find(|key| annotation(policy, key).is_some()) {
        Some(key) => Err((
            format!("`@{key}` has no effect here: it belongs to {needed}"),
            format!("take `@{key}` away, or add what it belongs to"),
        )),
        None => Ok(()),
    }
}

fn read_gate(policy: &Policy, id: &PolicyId) -> Result<Gate, Complaint> {
    only_with(policy, &duty::KEYS, "another kind of `@unless`")?;
    only_with(policy, &["limit", "key", "sum"], "another kind of `@unless`")?;
    let help = || {
        "name the groups that are asked, for example `@approvers(\"sales-managers, security\")`".to_owned()
    };
    let approvers = annotation(policy, "approvers")
        .ok_or_else(|| ("an approval gate without `@approvers`".to_owned(), help()))?;
    let approvers = approvers
        .split(',')
        .map(|name| name.trim().parse::<GroupName>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| (error.to_string(), help()))?;
    let timeout = match annotation(policy, "timeout") {
        Some(text) => duration(text)?,
        None => limits::APPROVAL_WAIT,
    };
    let reason = annotation(policy, "reason").map(str::to_owned);
    Ok(Gate { policy: id.clone(), approvers, timeout, reason })
}

fn duration(text: &str) -> Result<Duration, Complaint> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| {
            (
                format!("`@timeout(\"{text}\")` is not a duration"),
                "write for example `30m` or `4h`".to_owned(),
            )
        })
}

fn read_limit(policy: &Policy, id: &PolicyId) -> Result<Limit, Complaint> {
    only_with(policy, &duty::KEYS, "another kind of `@unless`")?;
    only_with(policy, &["approvers", "timeout"], "another kind of `@unless`")?;
    let told = |error: placet_domain::ParseLimitError| {
        (error.to_string(), "write for example `@limit(\"20/1h\") @key(\"agent,tool\")`".to_owned())
    };
    let rate = annotation(policy, "limit").ok_or_else(|| {
        let help = "say how much in which window, for example `@limit(\"20/1h\")`".to_owned();
        ("`@unless(\"rate_limit\")` without `@limit`".to_owned(), help)
    })?;
    let measure = match annotation(policy, "sum") {
        None => Measure::Calls,
        Some(path) if !path.is_empty() && path.split('.').all(|name| !name.trim().is_empty()) => {
            Measure::Sum(path.to_owned())
        }
        Some(path) => {
            let help = "name an argument, for example `@sum(\"amount\")`".to_owned();
            return Err((format!("`@sum(\"{path}\")` names no argument"), help));
        }
    };
    Ok(Limit {
        policy: id.clone(),
        rate: rate.parse().map_err(told)?,
        key: annotation(policy, "key").map_or_else(|| Ok(Vec::new()), KeyPart::list).map_err(told)?,
        measure,
        reason: annotation(policy, "reason").map(str::to_owned),
    })
}

fn read_expiry(policy: &Policy) -> Result<Option<Timestamp>, Complaint> {
    let Some(text) = annotation(policy, "expires") else { return Ok(None) };
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => Ok(Some(Timestamp::from_micros(moment.as_microsecond()))),
        Err(_) => Err((
            format!("`@expires(\"{text}\")` is not a moment"),
            "write for example `2026-12-01T00:00:00Z`".to_owned(),
        )),
    }
}
