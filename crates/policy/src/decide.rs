//! The decision: grants and vetoes first, then gates. Total and pure; any error denies.
//! The person acted for is judged in a second pass, in which every veto and gate that a `User` can meet counts;
//! a grant for the person is needed only where the configuration says so. The strictest pass wins.
//! The rule is in ARCHITECTURE.md, "Policy semantics".

use std::sync::Arc;

use cedar_policy_core::ast::Entity;
use placet_domain::{AccessRequest, Decision, DenyCause, Grant, Meter, Reason, Risk, Timestamp, Verdict};

use crate::evaluate::Trial;
use crate::index::{Caller, Place};
use crate::prepare::Prepared;
use crate::rule::{Class, Rule};
use crate::{Snapshot, binding, duty, usage};

impl Snapshot {
    /// Judges one request. The same request and revision always give the same decision.
    #[must_use]
    pub fn decide(&self, request: &AccessRequest) -> Decision {
        let Some(action) = self.model.action(request.call.connector(), request.call.operation()) else {
            let why = binding::unknown_action(&request.call).to_string();
            return self.decision(Verdict::Deny(DenyCause::Error(why)), Vec::new());
        };
        match self.prepare(action, request) {
            Ok(prepared) => {
                let decision = self.judge(&prepared, request);
                Decision { risk: prepared.risk, ..decision }
            }
            Err(cause) => {
                let decision = self.decision(Verdict::Deny(cause), Vec::new());
                Decision { risk: Risk::of_group(action.risk), ..decision }
            }
        }
    }

    fn judge(&self, prepared: &Prepared<'_>, request: &AccessRequest) -> Decision {
        let passes = self.passes(prepared, request);
        let is_first = |class: &Class| matches!(class, Class::Grant { .. } | Class::Veto);
        let first: Vec<Tally> =
            passes.iter().map(|pass| self.tally(pass, prepared, request.now, &is_first)).collect();
        // A grant for a time stands in for the agent's grant, and for nobody else's.
        let is_ungranted = first.first().is_some_and(|own| own.grants.is_empty());
        let lent = if is_ungranted { self.lent(prepared.action, request) } else { None };
        if let Some((cause, reasons)) = self.refusal(&first, lent.is_some()) {
            let others = first.iter().skip(1).all(|tally| !tally.needs_grant || !tally.grants.is_empty());
            let requestable = cause == DenyCause::NoGrant
                && others
                && self.gives_grants()
                && self.below_ceiling(request.agent.tier, prepared.action);
            return Decision { requestable, ..self.decision(Verdict::Deny(cause), reasons) };
        }
        let vetoes = hook_vetoes(request);
        if !vetoes.is_empty() {
            return self.decision(Verdict::Deny(DenyCause::Veto), vetoes);
        }
        let second: Vec<Tally> = passes
            .iter()
            .map(|pass| self.tally(pass, prepared, request.now, &|class| !is_first(class)))
            .collect();
        if let Some((cause, reasons)) = self.broken(&second) {
            return self.decision(Verdict::Deny(cause), reasons);
        }
        let mut satisfied: Vec<Place> = second.into_iter().flat_map(|tally| tally.forbids).collect();
        satisfied.sort_unstable();
        satisfied.dedup();
        let (mut gates, mut obligations, mut reasons, mut met) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for rule in self.rules_at(&satisfied) {
            match &rule.class {
                Class::Gate(gate) if !request.lifted.contains(&rule.id) => {
                    gates.push(gate.clone());
                    reasons.push(rule.to_reason());
                }
                Class::Duty(duty) => obligations.push(duty.clone()),
                Class::Limit(limit) => met.push(&**limit),
                Class::Gate(_) | Class::Grant { .. } | Class::Veto => {}
            }
        }
        // Before anybody is asked: what is missing can be mended by the caller alone.
        if let Some((policy, why)) = duty::unmet(&obligations, request) {
            let reasons = self.rules_at(&satisfied).filter(|rule| rule.id == *policy).map(Rule::to_reason);
            return self.decision(Verdict::Deny(DenyCause::Fields(why)), reasons.collect());
        }
        let charges = match self.charges(prepared.action, request, &met) {
            Ok(charges) => charges,
            Err(cause) => {
                return self.decision(Verdict::Deny(cause), self.reasons(satisfied.into_iter()));
            }
        };
        // Before anybody is asked: a question about a call that cannot run would be in vain.
        if let Some(exceeded) = usage::exceeded(&charges, request) {
            let is_its = |rule: &&Rule| matches!(&exceeded.meter, Meter::Limit(policy) if *policy == rule.id);
            let reasons = self.rules_at(&satisfied).filter(is_its).map(Rule::to_reason).collect();
            return self.decision(Verdict::Deny(DenyCause::Limit(Box::new(exceeded))), reasons);
        }
        let verdict = if gates.is_empty() {
            reasons = self.reasons(first.into_iter().flat_map(|tally| tally.grants));
            reasons.extend(lent.and_then(lent_reason));
            Verdict::Allow
        } else {
            Verdict::RequireApproval(gates)
        };
        Decision { obligations, charges, ..self.decision(verdict, reasons) }
    }

    fn passes<'a>(&self, prepared: &'a Prepared<'_>, request: &AccessRequest) -> Vec<Pass<'a>> {
        let pass = |caller, entity: &'a Arc<Entity>, name: &str, groups, needs_grant| Pass {
            trial: Trial::new(
                entity.uid(),
                prepared.action.entity.uid(),
                prepared.resource.uid(),
                &prepared.context,
                &prepared.entities,
            ),
            candidates: self.index.candidates(prepared.action.number, caller, name, groups),
            needs_grant,
        };
        let agent = &request.agent;
        let mut passes = vec![pass(Caller::Agent, &prepared.agent, agent.name.as_str(), &agent.groups, true)];
        if let (Some(entity), Some(user)) = (&prepared.user, &request.user) {
            let needs_grant = self.require_user_grants || prepared.action.of_application;
            passes.push(pass(Caller::User, entity, user.name.as_str(), &user.groups, needs_grant));
        }
        passes
    }

    /// Tries the candidates of some classes.
    fn tally(
        &self,
        pass: &Pass<'_>,
        prepared: &Prepared<'_>,
        now: Timestamp,
        counts: &dyn Fn(&Class) -> bool,
    ) -> Tally {
        let mut tally = Tally { needs_grant: pass.needs_grant, ..Tally::default() };
        for place in &pass.candidates {
            let Some(rule) = self.rule(*place).filter(|rule| counts(&rule.class)) else { continue };
            let is_grant = matches!(rule.class, Class::Grant { .. });
            if is_grant && !pass.needs_grant
                || !rule.resource.matches(&prepared.resource)
                || !rule.is_in_force(now)
            {
                continue;
            }
            match pass.trial.holds(rule) {
                Ok(true) if is_grant => tally.grants.push(*place),
                Ok(true) => tally.forbids.push(*place),
                Ok(false) => {}
                // Cedar skips whatever errs. For a permit that only narrows.
                Err(why) if is_grant => tally.skipped.push((*place, why)),
                Err(why) => tally.broken.push((*place, why)),
            }
        }
        tally
    }

    /// Why grants and vetoes refuse the call, if they do.
    fn refusal(&self, passes: &[Tally], is_lent: bool) -> Option<(DenyCause, Vec<Reason>)> {
        if let Some(broken) = self.broken(passes) {
            return Some(broken);
        }
        let vetoes = self.reasons(passes.iter().flat_map(|tally| tally.forbids.iter().copied()));
        if !vetoes.is_empty() {
            return Some((DenyCause::Veto, vetoes));
        }
        let ungranted = passes
            .iter()
            .skip(usize::from(is_lent))
            .find(|tally| tally.needs_grant && tally.grants.is_empty())?;
        let skipped = ungranted.skipped.iter().filter_map(|(place, why)| {
            let note = format!("skipped, because it could not be evaluated: {why}");
            Some(Reason { reason: Some(note), ..self.rule(*place)?.to_reason() })
        });
        Some((DenyCause::NoGrant, skipped.collect()))
    }

    /// The first error of a veto or a gate, with every policy that forbids or errs.
    fn broken(&self, passes: &[Tally]) -> Option<(DenyCause, Vec<Reason>)> {
        let (place, why) = passes.iter().find_map(|tally| tally.broken.first())?;
        let why = match self.rule(*place) {
            Some(rule) => format!("policy `{}` could not be evaluated: {why}", rule.id),
            None => why.clone(),
        };
        let broken = passes.iter().flat_map(|tally| tally.broken.iter().map(|(place, _)| *place));
        let forbids = passes.iter().flat_map(|tally| tally.forbids.iter().copied());
        Some((DenyCause::Error(why), self.reasons(broken.chain(forbids))))
    }

    fn decision(&self, verdict: Verdict, reasons: Vec<Reason>) -> Decision {
        let (obligations, charges) = (Vec::new(), Vec::new());
        Decision {
            verdict,
            reasons,
            obligations,
            charges,
            revision: self.revision,
            risk: Risk::default(),
            requestable: false,
        }
    }

    fn reasons(&self, places: impl Iterator<Item = Place>) -> Vec<Reason> {
        let mut places: Vec<Place> = places.collect();
        places.sort_unstable();
        places.dedup();
        self.rules_at(&places).map(Rule::to_reason).collect()
    }

    pub(crate) fn rule(&self, place: Place) -> Option<&Rule> {
        self.rules.get(usize::try_from(place).ok()?)
    }

    fn rules_at<'a>(&'a self, places: &'a [Place]) -> impl Iterator<Item = &'a Rule> {
        places.iter().filter_map(|place| self.rule(*place))
    }
}

/// A grant for a time as the reason that it is.
fn lent_reason(grant: &Grant) -> Option<Reason> {
    let policy = grant.id.to_string().parse().ok()?;
    Some(Reason { policy, reason: Some(grant.justification.clone()), remedy: None })
}

/// Anomaly hooks that refuse the call.
fn hook_vetoes(request: &AccessRequest) -> Vec<Reason> {
    let vetoes = request.observed.hooks.iter().filter(|answer| answer.vetoes);
    vetoes
        .map(|answer| Reason { policy: answer.of.clone(), reason: Some(answer.why.clone()), remedy: None })
        .collect()
}

/// One principal's view of a request.
struct Pass<'a> {
    trial: Trial<'a>,
    candidates: Vec<Place>,
    needs_grant: bool,
}

/// What the candidates of one pass said.
#[derive(Debug, Default)]
struct Tally {
    needs_grant: bool,
    grants: Vec<Place>,
    forbids: Vec<Place>,
    broken: Vec<(Place, String)>,
    skipped: Vec<(Place, String)>,
}

#[cfg(test)]
mod tests;
