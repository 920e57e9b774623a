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
            if !rule.principal.matches(&principal)
                || !rule.resource.matches(&resource)
                || !rule.is_in_force(now)
            {
                continue;
            }
            match (&rule.class, trial.holds(rule)) {
                (Class::Grant { .. }, Ok(holds)) => granted |= holds,
                // An approval cannot itself wait for one: here every forbid is a veto.
                (Class::Veto | Class::Gate(_) | Class::Duty(_) | Class::Limit(_), Ok(true)) => {
                    let why = rule.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                    return Err(format!("policy `{}` forbids it{why}", rule.id));
                }
                (Class::Veto | Class::Gate(_) | Class::Duty(_) | Class::Limit(_), Err(why)) => {
                    return Err(format!("policy `{}` could not be evaluated: {why}", rule.id));
                }
                (Class::Grant { .. }, Err(_))
                | (Class::Veto | Class::Gate(_) | Class::Duty(_) | Class::Limit(_), Ok(false)) => {}
            }
        }
        if granted {
            Ok(())
        } else {
            Err(format!("no policy lets `{}` approve gate `{}`", person.name, gate.policy))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use placet_domain::{
        ApprovalId, ApprovalState, CallDigest, Digest, InstanceId, Object, PolicyRevision, Requester,
    };

    use super::*;
    use crate::{PolicyConfig, PolicySource};

    fn person(name: &str, groups: &[&str]) -> Person {
        Person {
            name: name.parse().unwrap(),
            groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        }
    }

    fn approval() -> (Approval, Gate) {
        let now = Timestamp::from_micros(1_795_300_000_000_000);
        let gate = Gate {
            policy: "crm-close-needs-approval".parse().unwrap(),
            approvers: vec!["sales-managers".parse().unwrap()],
            timeout: Duration::from_secs(60),
            reason: None,
        };
        let approval = Approval {
            id: ApprovalId::new(now, [1; 10]),
            digest: CallDigest(Digest::of(b"call")),
            requester: Requester {
                agent: "deal-update-agent".parse().unwrap(),
                instance: InstanceId::new(now, [2; 10]),
                owner: "mia".parse().unwrap(),
                on_behalf_of: Some("dana".parse().unwrap()),
                ticket: None,
            },
            connector: "crm".parse().unwrap(),
            operation: "update_deal".to_owned(),
            arguments: Object::new(),
            gates: vec![gate.clone()],
            policy: PolicyRevision(Digest::of(b"policy")),
            asked: now,
            expires: now.after(gate.timeout),
            state: ApprovalState::Pending,
        };
        (approval, gate)
    }

    fn asked(sources: &[PolicySource], person: &Person) -> Result<(), String> {
        let (approval, gate) = approval();
        let snapshot = Snapshot::load(sources, &PolicyConfig::default()).unwrap();
        snapshot.may_approve(person, &approval, &gate, approval.asked)
    }

    fn starter() -> [PolicySource; 1] {
        let text = concat!(
            include_str!("../../../policies/approvals.cedar"),
            include_str!("../../../policies/owners.cedar"),
        )
        .to_owned();
        [PolicySource { name: "approvals.cedar".to_owned(), text }]
    }

    #[test]
    fn only_the_named_approvers_lift_a_gate_and_never_their_own() {
        let managers = ["sales-managers"];
        assert_eq!(asked(&starter(), &person("alice", &managers)), Ok(()));
        for (person, expected) in [
            (person("bob", &["sales-reps"]), "no policy lets `bob` approve"),
            (person("dana", &managers), "nobody approves what is done on their own behalf"),
            (person("mia", &managers), "the owner of an agent does not approve"),
        ] {
            let why = asked(&starter(), &person).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn without_policies_nobody_approves() {
        assert!(asked(&[], &person("alice", &["sales-managers"])).is_err());
    }

    #[test]
    fn a_generous_permit_does_not_let_the_person_acted_for_approve() {
        let text = r#"@id("all") permit (principal, action == Action::"approve", resource);"#.to_owned();
        let sources = [PolicySource { name: "a.cedar".to_owned(), text }];
        assert_eq!(asked(&sources, &person("bob", &[])), Ok(()));
        assert!(asked(&sources, &person("dana", &[])).is_err());
    }

    #[test]
    fn an_expired_question_or_another_gate_is_not_approved() {
        let (approval, gate) = approval();
        let snapshot = Snapshot::load(&starter(), &PolicyConfig::default()).unwrap();
        let alice = person("alice", &["sales-managers"]);
        let late = snapshot.may_approve(&alice, &approval, &gate, approval.expires);
        assert!(late.unwrap_err().contains("has expired"));
        let other = Gate { policy: "other".parse().unwrap(), ..gate };
        let why = snapshot.may_approve(&alice, &approval, &other, approval.asked).unwrap_err();
        assert!(why.contains("does not ask about"));
    }
}
