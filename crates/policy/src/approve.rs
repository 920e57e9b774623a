//! Who may answer an approval: Cedar's word on `Action::"approve"` of the `ApprovalRequest`, and one rule that no
//! policy lifts: nobody approves what is done on their own behalf.

use std::sync::Arc;

use placet_domain::{Approval, Gate, Person, Timestamp};
use smol_str::SmolStr;

use crate::evaluate::{self, Trial};
use crate::rule::Class;
use crate::{Snapshot, entities, moment};

impl Snapshot {
    /// Whether this person may lift this gate of this approval.
    ///
    /// # Errors
    /// Why not, in words for the person.
    pub fn may_approve(
        &self,
        person: &Person,
        approval: &Approval,
        gate: &Gate,
        now: Timestamp,
    ) -> Result<(), String> {
        if approval.requester.on_behalf_of.as_ref() == Some(&person.name) {
            return Err("nobody approves what is done on their own behalf".to_owned());
        }
        if !approval.gates.iter().any(|asked| asked.policy == gate.policy) {
            return Err(format!("approval `{}` does not ask about gate `{}`", approval.id, gate.policy));
        }
        if approval.expires <= now {
            return Err(format!("approval `{}` has expired", approval.id));
        }
        let types = &self.model.types;
        let principal = Arc::new(entities::person(types, person));
        let resource = Arc::new(entities::approval_request(types, approval, gate));
        let store = evaluate::entities([&principal, &resource, &self.model.approve].map(Arc::clone))?;
        let time = moment::time(&self.constructors, &self.model.zone, &self.mentions, now)?;
        let context = Arc::new([(SmolStr::new_static("time"), time)].into_iter().collect());
        let trial = Trial::new(principal.uid(), self.model.approve.uid(), resource.uid(), &context, &store);
        let mut granted = false;
        for rule in self.approving.iter().filter_map(|place| self.rule(*place)) {
            if !rule.principal.matches(&principal) || !rule.resource.matches(&resource) || !rule.is_in_force(now) {
                continue;
            }
            match (&rule.class, trial.holds(rule)) {
                (Class::Grant { .. }, Ok(holds)) => granted |= holds,
                // An approval cannot itself wait for one: here every forbid is a veto.
                (Class::Veto | Class::Gate(_) | Class::Duty(_), Ok(true)) => {
                    let why = rule.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                    return Err(format!("policy `{}` forbids it{why}", rule.id));
                }
                (Class::Veto | Class::Gate(_) | Class::Duty(_), Err(why)) => {
                    return Err(format!("policy `{}` could not be evaluated: {why}", rule.id));
                }
                (Class::Grant { .. }, Err(_)) | (Class::Veto | Class::Gate(_) | Class::Duty(_), Ok(false)) => {}
            }
        }
        if granted {
            Ok(())
        } else {
            Err(format!("no policy lets `{}` approve gate `{}`", person.name, gate.policy))
        }
    }
}
