//! An explanation in words and as JSON: the deciding policies with their places, and for a default deny the grants
//! that come nearest, with what they miss.

use placet_domain::{DenyCause, Json, Object, Reason, Verdict};
use placet_policy::{Account, Answer, Explanation, Found, RuleClass};

use crate::print::visible;

/// How many grants are told that do not hold.
const NEAREST: usize = 3;

/// In words, a line each.
pub(crate) fn lines(explanation: &Explanation) -> Vec<String> {
    let decision = &explanation.decision;
    let mut lines = vec![verdict(&decision.verdict)];
    for account in explanation.deciding() {
        lines.push(head(account));
        let reason = decision.reasons.iter().find(|reason| reason.policy == account.policy);
        lines.extend(
            reason.and_then(|one| one.reason.as_ref()).map(|text| format!("  reason: {}", visible(text))),
        );
        for answer in &account.answers {
            lines.extend(asked(answer));
        }
        lines.extend(
            reason.and_then(|one| one.remedy.as_ref()).map(|text| format!("  remedy: {}", visible(text))),
        );
    }
    if decision.verdict == Verdict::Deny(DenyCause::NoGrant) {
        lines.extend(missing_grants(explanation));
    }
    // Others than policies decide too: an anomaly hook has no source to be shown.
    for reason in decision.reasons.iter().filter(|reason| !is_told(explanation, reason)) {
        lines.push(format!(
            "`{}`: {}",
            reason.policy,
            visible(reason.reason.as_deref().unwrap_or("no reason"))
        ));
    }
    if !decision.risk.parts.is_empty() {
        lines.push(format!("risk {}", decision.risk.score));
        let parts = decision.risk.parts.iter();
        lines.extend(parts.map(|part| format!("  {} {}: {}", part.points, part.of, visible(&part.why))));
    }
    lines
}

fn is_told(explanation: &Explanation, reason: &Reason) -> bool {
    explanation.accounts.iter().any(|account| account.policy == reason.policy)
}

/// The change that would let the call through, as far as it can be told.
pub(crate) fn way_out(explanation: &Explanation) -> Vec<String> {
    match &explanation.decision.verdict {
        Verdict::Allow => Vec::new(),
        Verdict::RequireApproval(gates) => gates
            .iter()
            .map(|gate| {
                let groups: Vec<&str> = gate.approvers.iter().map(|group| group.as_str()).collect();
                format!("somebody of {} lifts `{}`", groups.join(" or "), gate.policy)
            })
            .collect(),
        Verdict::Deny(DenyCause::Arguments(_) | DenyCause::Error(_)) => {
            vec!["mend what could not be judged; no policy lets it through".to_owned()]
        }
        Verdict::Deny(DenyCause::Fields(_)) => {
            vec!["the call has the fields that a rule requires".to_owned()]
        }
        Verdict::Deny(DenyCause::Limit(_)) => vec!["there is room again, or the limit is raised".to_owned()],
        Verdict::Deny(DenyCause::Veto) => {
            let vetoes = explanation.deciding().filter(|account| account.class == RuleClass::Veto);
            vetoes.map(veto_out).collect()
        }
        Verdict::Deny(DenyCause::NoGrant) => match explanation.nearest_grants(1).first() {
            Some(grant) => grant_in(grant),
            None => vec!["write a grant: no policy permits this action to anybody".to_owned()],
        },
    }
}

fn veto_out(account: &Account) -> String {
    match account.answers.as_slice() {
        [] => format!("`{}` forbids it whatever the call holds", account.policy),
        answers => {
            let parts: Vec<String> = answers.iter().map(|one| format!("`{}`", visible(&one.text))).collect();
            format!("one of these is no longer true: {}", parts.join(", "))
        }
    }
}

fn grant_in(grant: &Account) -> Vec<String> {
    let scope =
        grant.misfits.iter().map(|misfit| format!("`{}` grants it where {}", grant.policy, visible(misfit)));
    let condition = grant
        .first_false()
        .map(|answer| format!("`{}` grants it when `{}`", grant.policy, visible(&answer.text)));
    let expired = (grant.found == Found::Expired).then(|| format!("`{}` is renewed", grant.policy));
    scope.chain(condition).chain(expired).collect()
}

fn missing_grants(explanation: &Explanation) -> Vec<String> {
    let nearest = explanation.nearest_grants(NEAREST);
    if nearest.is_empty() {
        return vec!["no grant speaks of this action".to_owned()];
    }
    let mut lines = vec!["no grant holds; the nearest:".to_owned()];
    for account in nearest {
        lines.push(format!("  {}", head(account)));
        for misfit in &account.misfits {
            lines.push(format!("    its scope: {}", visible(misfit)));
        }
        if account.found == Found::Expired {
            lines.push("    its `@expires` has passed".to_owned());
        }
        if let Some(answer) = account.first_false() {
            lines.extend(asked(answer).into_iter().map(|line| format!("  {line}")));
        }
    }
    lines
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Deny(DenyCause::Arguments(why) | DenyCause::Error(why)) => {
            format!("deny: it could not be judged: {}", visible(why))
        }
        Verdict::Deny(DenyCause::NoGrant) => "deny: no grant".to_owned(),
        Verdict::Deny(DenyCause::Veto) => "deny: a veto".to_owned(),
        Verdict::Deny(DenyCause::Fields(_)) => "deny: required fields are missing".to_owned(),
        Verdict::Deny(DenyCause::Limit(_)) => "deny: a limit has no room".to_owned(),
        other => other.as_str().to_owned(),
    }
}

fn head(account: &Account) -> String {
    format!(
        "{} `{}` {}:{} ({})",
        account.class.as_str(),
        account.policy,
        account.file,
        account.line,
        account.judged.as_str()
    )
}

fn asked(answer: &Answer) -> Vec<String> {
    let truth = match &answer.truth {
        Ok(truth) => truth.to_string(),
        Err(why) => format!("not to be evaluated: {}", visible(why)),
    };
    let mut lines = vec![format!("  line {}: `{}` is {truth}", answer.line, visible(&answer.text))];
    lines.extend(
        answer.values.iter().map(|(name, value)| format!("    {} = {}", visible(name), visible(value))),
    );
    lines
}

/// As JSON, under no schema of its own.
pub(crate) fn to_json(explanation: &Explanation) -> Object {
    let decision = &explanation.decision;
    let deciding: Vec<Object> = explanation.deciding().map(account).collect();
    let nearest: Vec<Object> = match &decision.verdict {
        Verdict::Deny(DenyCause::NoGrant) => {
            explanation.nearest_grants(NEAREST).into_iter().map(account).collect()
        }
        _ => Vec::new(),
    };
    let error = match &decision.verdict {
        Verdict::Deny(DenyCause::Arguments(why) | DenyCause::Error(why)) => Some(why.as_str()),
        _ => None,
    };
    Object::new()
        .with("verdict", decision.verdict.as_str())
        .with_some("error", error)
        .with("policy", decision.revision.to_string())
        .with("risk", i64::from(decision.risk.score))
        .with("risk_parts", decision.risk.parts_to_json())
        .with("deciding", deciding)
        .with("nearest_grants", nearest)
        .with("would_allow", way_out(explanation).iter().map(String::as_str).collect::<Vec<_>>())
}

fn account(account: &Account) -> Object {
    let found = match &account.found {
        Found::Holds => "holds",
        Found::Fails => "fails",
        Found::Errs(_) => "errs",
        Found::OutOfScope => "out_of_scope",
        Found::Expired => "expired",
    };
    let conditions: Vec<Object> = account.answers.iter().map(condition).collect();
    Object::new()
        .with("policy", account.policy.as_str())
        .with("class", account.class.as_str())
        .with("file", account.file.as_str())
        .with("line", i64::try_from(account.line).unwrap_or(i64::MAX))
        .with("judged", account.judged.as_str())
        .with("found", found)
        .with("misfits", account.misfits.iter().map(String::as_str).collect::<Vec<_>>())
        .with("conditions", conditions)
}

fn condition(answer: &Answer) -> Object {
    let values =
        answer.values.iter().fold(Object::new(), |all, (name, value)| all.with(name, value.as_str()));
    let truth = match &answer.truth {
        Ok(truth) => Json::Bool(*truth),
        Err(why) => Json::from(why.as_str()),
    };
    Object::new()
        .with("text", answer.text.as_str())
        .with("line", i64::try_from(answer.line).unwrap_or(i64::MAX))
        .with("truth", truth)
        .with("values", values)
}
