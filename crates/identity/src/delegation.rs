//! Who acts for whom: an instance, the instances that started it, and the person it all is for.
//! On the wire this is `sub` and nested `act` (RFC 8693 section 4.1, actor profile `{iss, sub, act}`).

use placet_domain::{InstanceId, Json, Object, PersonName};

use crate::{
    fault::{TokenError, TokenFault},
    limits,
};

/// A chain of at most [`limits::CHAIN`] different instances, and whom it acts for.
///
/// | acts | `sub` | `act` |
/// |---|---|---|
/// | instance A for itself | A | none |
/// | A for a person | the person | A |
/// | B, started by A, for a person | the person | B, in it A |
/// | B, started by A | A | B |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    instance: InstanceId,
    parents: Vec<InstanceId>,
    person: Option<PersonName>,
}

/// Why a chain is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It names an instance twice.
    #[error("instance `{0}` would act for itself")]
    Cycle(InstanceId),
    /// Too many instances.
    #[error("more than {} instances act for each other", limits::CHAIN)]
    Depth,
    /// A person whose name reads as an instance.
    #[error("`{0}` is the form of an instance, not the name of a person")]
    Ambiguous(PersonName),
}

impl Delegation {
    /// An instance that acts for itself.
    #[must_use]
    pub fn own(instance: InstanceId) -> Self {
        Self { instance, parents: Vec::new(), person: None }
    }

    /// An instance, its parents from the nearest, and the person it acts for.
    ///
    /// # Errors
    /// See [`ChainError`].
    pub fn new(
        instance: InstanceId,
        parents: Vec<InstanceId>,
        person: Option<PersonName>,
    ) -> Result<Self, ChainError> {
        if parents.len() >= limits::CHAIN {
            return Err(ChainError::Depth);
        }
        let mut chain = std::iter::once(&instance).chain(&parents).enumerate();
        if let Some((_, twice)) =
            chain.find(|(place, one)| parents.iter().skip(*place).any(|parent| parent == *one))
        {
            return Err(ChainError::Cycle(*twice));
        }
        match person {
            Some(person) if person.as_str().starts_with("ins_") => Err(ChainError::Ambiguous(person)),
            person => Ok(Self { instance, parents, person }),
        }
    }

    /// The same chain with another instance that acts now.
    ///
    /// # Errors
    /// See [`ChainError`].
    pub fn extended(&self, by: InstanceId) -> Result<Self, ChainError> {
        let parents = std::iter::once(self.instance).chain(self.parents.iter().copied()).collect();
        Self::new(by, parents, self.person.clone())
    }

    /// The instance that acts: the outermost `act`, or `sub` where there is none.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// The instances it acts for, from the nearest.
    #[must_use]
    pub fn parents(&self) -> &[InstanceId] {
        &self.parents
    }

    /// The person it acts for.
    #[must_use]
    pub fn person(&self) -> Option<&PersonName> {
        self.person.as_ref()
    }

    /// Whether the instance acts for itself and nobody else.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.parents.is_empty() && self.person.is_none()
    }

    /// `sub` and `act`.
    pub(crate) fn to_claims(&self, issuer: &str) -> (String, Option<Object>) {
        let mut chain: Vec<InstanceId> =
            std::iter::once(self.instance).chain(self.parents.iter().copied()).collect();
        let subject = match &self.person {
            Some(person) => person.to_string(),
            None => chain.pop().unwrap_or(self.instance).to_string(),
        };
        let actors = chain.iter().rev().fold(None, |inner: Option<Object>, instance| {
            let actor = Object::new().with("iss", issuer).with("sub", instance.to_string());
            Some(actor.with_some("act", inner))
        });
        (subject, actors)
    }

    /// Reads `sub` and `act` back.
    pub(crate) fn from_claims(
        subject: &str,
        actors: Option<&Json>,
        issuer: &str,
    ) -> Result<Self, TokenError> {
        let malformed = || TokenError::new(TokenFault::Chain, "`sub` and `act` name no chain of instances");
        let mut chain = Vec::new();
        let mut rest = actors;
        while let Some(actor) = rest {
            let actor = actor.as_object().ok_or_else(malformed)?;
            // One more than is allowed, so that a chain is refused for its length.
            if chain.len() > limits::CHAIN {
                break;
            }
            if actor.members().any(|(name, _)| !matches!(name, "iss" | "sub" | "act"))
                || actor.member("iss").is_some_and(|stated| stated.as_str() != Some(issuer))
            {
                return Err(malformed());
            }
            let instance = actor.member("sub").and_then(Json::as_str).ok_or_else(malformed)?;
            chain.push(instance.parse().map_err(|_| malformed())?);
            rest = actor.member("act");
        }
        let person = match subject.parse::<InstanceId>() {
            Ok(root) => {
                chain.push(root);
                None
            }
            Err(_) => Some(subject.parse().map_err(|_| malformed())?),
        };
        let mut chain = chain.into_iter();
        let instance = chain.next().ok_or_else(malformed)?;
        Self::new(instance, chain.collect(), person)
            .map_err(|error| TokenError::new(TokenFault::Chain, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use placet_domain::Timestamp;

    use super::*;

    fn instance(number: u8) -> InstanceId {
        InstanceId::new(Timestamp::from_micros(0), [number; 10])
    }

    fn person() -> Option<PersonName> {
        Some("ana@example.com".parse().unwrap())
    }

    #[test]
    fn a_chain_reads_back_as_it_was_written() {
        for chain in [
            Delegation::own(instance(1)),
            Delegation::new(instance(1), vec![], person()).unwrap(),
            Delegation::new(instance(2), vec![instance(1)], None).unwrap(),
            Delegation::new(instance(3), vec![instance(2), instance(1)], person()).unwrap(),
        ] {
            let (subject, actors) = chain.to_claims("https://a");
            let actors = actors.map(Json::Object);
            assert_eq!(Delegation::from_claims(&subject, actors.as_ref(), "https://a"), Ok(chain));
        }
    }

    #[test]
    fn the_outermost_actor_is_the_one_that_acts() {
        let chain = Delegation::new(instance(2), vec![instance(1)], person()).unwrap();
        let (subject, actors) = chain.to_claims("https://a");
        let actors = Json::Object(actors.unwrap());
        assert_eq!(subject, "ana@example.com");
        assert_eq!(actors.member("sub").and_then(Json::as_str), Some(instance(2).to_string().as_str()));
        let inner = actors.member("act").unwrap();
        assert_eq!(inner.member("sub").and_then(Json::as_str), Some(instance(1).to_string().as_str()));
    }

    #[test]
    fn long_chains_cycles_and_ambiguous_names_are_refused() {
        let full = Delegation::own(instance(1)).extended(instance(2)).unwrap().extended(instance(3)).unwrap();
        assert_eq!(full.extended(instance(4)), Err(ChainError::Depth));
        assert_eq!(Delegation::own(instance(1)).extended(instance(1)), Err(ChainError::Cycle(instance(1))));
        let returning = Delegation::new(instance(3), vec![instance(1), instance(1)], None);
        assert_eq!(returning, Err(ChainError::Cycle(instance(1))));
        let name: PersonName = "ins_ana".parse().unwrap();
        assert_eq!(
            Delegation::new(instance(1), vec![], Some(name.clone())),
            Err(ChainError::Ambiguous(name))
        );
    }
}
