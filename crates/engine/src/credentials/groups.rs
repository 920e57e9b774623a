//! The groups into which the company's identity provider puts a person: parents of that person for the run it vouched
//! for. They make nobody an approver, an owner or an operator; those are in the directory.

use std::sync::Arc;

use placet_domain::{GroupName, Mandate, Person};
use placet_identity::{ClaimPath, ForeignClaims, OAuthCode, OAuthError};

use super::{Answered, key_cache::KeyCache};
use crate::Engine;

/// Groups of one person that are taken.
const GROUPS: usize = 256;
/// Where some providers say that the groups are elsewhere, because there are too many for a token. OpenID Connect Core
/// 5.6.2.
const ELSEWHERE: &str = "_claim_names";

/// The groups in verified claims. A group whose name is none here is in no policy either, and is left out; a claim that
/// cannot be read as a whole is refused, since a veto may depend on what it would have said.
pub(super) fn groups_of(held: &KeyCache, claims: &ForeignClaims) -> Answered<Vec<GroupName>> {
    let claim = &held.issuer.groups;
    let denied = |why: &str| OAuthError::new(OAuthCode::AccessDenied, format!("claim '{claim}' {why}"));
    let path: ClaimPath = claim
        .parse()
        .map_err(|_| OAuthError::new(OAuthCode::ServerError, "the issuer's groups claim is no path"))?;
    let claims = claims.object();
    if claims.member(ELSEWHERE).is_some_and(|names| names.member(path.head()).is_some()) {
        return Err(denied(
            "is not in the token: the person is in too many groups; let the provider filter them",
        ));
    }
    let Some(listed) = path.find(claims) else { return Ok(Vec::new()) };
    let listed = listed.as_array().ok_or_else(|| denied("does not list groups"))?;
    if listed.len() > GROUPS {
        return Err(denied("lists more than 256 groups; let the provider filter them"));
    }
    let mut groups: Vec<GroupName> = Vec::new();
    for group in listed {
        let name = group.as_str().ok_or_else(|| denied("lists something else than names of groups"))?;
        groups.extend(name.parse().ok().filter(|group| !groups.contains(group)));
    }
    Ok(groups)
}

impl Engine {
    /// The person a run acts for, with the groups of the directory and those that came with the mandate.
    pub(crate) fn acted_for(&self, mandate: &Mandate) -> Option<Arc<Person>> {
        let person = self.ports.people.person(mandate.on_behalf_of.as_ref()?)?;
        if mandate.groups.iter().all(|group| person.groups.contains(group)) {
            return Some(person);
        }
        let more = mandate.groups.iter().filter(|group| !person.groups.contains(group)).cloned();
        let groups = person.groups.iter().cloned().chain(more).collect();
        Some(Arc::new(Person { name: person.name.clone(), groups }))
    }
}
