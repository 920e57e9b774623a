//! Searches of the decision API (AuthZEN 1.0, section 8): who may, on what, or what. A list is no permission: like the
//! list of tools it comes from the rules that judge, leaves no receipt, and whoever acts on it asks again.

use placet_domain::{ConnectorName, Decision, Obligation, Verdict, limits};

use crate::{Asked, Caller, Engine, Inquiry};

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Actions that the subject may do to the resource.
    Actions,
    /// Resources that the subject may do the action to, of those that the configuration declares.
    Resources,
    /// People who may do the action to the resource.
    Subjects,
}

/// A part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Only what comes after this name.
    pub after: Option<String>,
    /// How many at most.
    pub limit: Option<usize>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of their names.
    pub matches: Vec<Match>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// One of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// An id, or the name of an action.
    pub name: String,
    /// What acting on it would oblige to; only for an asker that has said it carries obligations out. Others do not find
    /// what obliges.
    pub obligations: Vec<Obligation>,
}

impl Engine {
    /// Searches. What `wanted` names is not read of the question.
    pub async fn search(&self, asker: &Caller, wanted: Wanted, inquiry: &Inquiry, page: &Page) -> Found {
        let mut candidates = match wanted {
            Wanted::Actions => self.actions_on(asker, &inquiry.resource.kind),
            Wanted::Resources => self.resources_of(asker, inquiry),
            Wanted::Subjects => self.subjects_for(asker, inquiry),
        };
        candidates.sort_unstable();
        candidates.dedup();
        let most = page.limit.unwrap_or(limits::SEARCH).clamp(1, limits::SEARCH);
        let mut found = Found::default();
        for (looked, name) in candidates.into_iter().enumerate() {
            if page.after.as_ref().is_some_and(|after| name <= *after) {
                continue;
            }
            // A long list is looked through without holding up anybody's call.
            if looked % BREATH == 0 {
                tokio::task::yield_now().await;
            }
            let Some(obligations) = self.would_allow(asker, &about(wanted, inquiry, &name)).await else {
                continue;
            };
            if found.matches.len() == most {
                found.next = found.matches.last().map(|last| last.name.clone());
                break;
            }
            found.matches.push(Match { name, obligations });
        }
        found
    }

    /// What a yes to a question would oblige to; none if it would be no. The answer is not given.
    async fn would_allow(&self, asker: &Caller, inquiry: &Inquiry) -> Option<Vec<Obligation>> {
        let now = self.ports.clock.now();
        let addressed = self.address(asker, inquiry).ok()?;
        let edits = self.edits(asker, addressed.call.connector(), inquiry);
        let (policies, request) = self.request_of(asker, &inquiry.subject, addressed, now).await.ok()?;
        let Decision { verdict, mut obligations, .. } = policies.decide(&request);
        obligations.retain(|obligation| obligation.duty.edits_the_result());
        (verdict == Verdict::Allow && (edits || obligations.is_empty())).then_some(obligations)
    }

    fn actions_on(&self, asker: &Caller, kind: &str) -> Vec<String> {
        let mut names = Vec::new();
        for application in &self.decisions.applications {
            for (action, _) in application.actions.iter().filter(|(_, of)| of == kind) {
                // The short name where it is enough.
                let short = action.name.to_string();
                let is_plain = self.action_of(asker, &short).is_ok_and(|(of, _)| of == application.name);
                names.push(if is_plain { short } else { format!("{}.{short}", application.name) });
            }
        }
        names
    }

    fn resources_of(&self, asker: &Caller, inquiry: &Inquiry) -> Vec<String> {
        let Some(application) = self.connector_asked(asker, inquiry) else { return Vec::new() };
        let Some(application) = self.decisions.application(&application) else { return Vec::new() };
        let of_kind = application.resources.iter().filter(|(known, _)| known.kind == inquiry.resource.kind);
        of_kind.map(|(known, _)| known.id.clone()).collect()
    }

    fn subjects_for(&self, asker: &Caller, inquiry: &Inquiry) -> Vec<String> {
        if !matches!(inquiry.subject.kind.as_str(), "identity" | "user") {
            return Vec::new();
        }
        let Some(connector) = self.connector_asked(asker, inquiry) else { return Vec::new() };
        let issuer = self.decisions.application(&connector).and_then(|one| one.issuer.as_deref());
        let people = self.ports.people.everybody();
        people
            .into_iter()
            .filter_map(|person| match issuer {
                Some(issuer) => self.ports.people.account_at(&person.name, issuer),
                None => Some(person.name.to_string()),
            })
            .collect()
    }

    fn connector_asked(&self, asker: &Caller, inquiry: &Inquiry) -> Option<ConnectorName> {
        self.action_of(asker, &inquiry.action).ok().map(|(connector, _)| connector)
    }
}

fn about(wanted: Wanted, inquiry: &Inquiry, name: &str) -> Inquiry {
    let named = |asked: &Asked| Asked { id: name.to_owned(), ..asked.clone() };
    match wanted {
        Wanted::Actions => Inquiry { action: name.to_owned(), ..inquiry.clone() },
        Wanted::Resources => Inquiry { resource: named(&inquiry.resource), ..inquiry.clone() },
        Wanted::Subjects => Inquiry { subject: named(&inquiry.subject), ..inquiry.clone() },
    }
}

/// How many candidates are judged between two chances for others.
const BREATH: usize = 64;
