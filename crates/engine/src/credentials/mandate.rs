//! What a token request says its run is for, and which resource its token is to be good for.

use std::time::Duration;

use placet_domain::{ConnectorName, Json, Mandate, Object, limits};
use placet_identity::{OAuthCode, OAuthError, Scope, Target};
use placet_policy::FactType;

use super::{Answered, Form};
use crate::Engine;

impl Engine {
    /// The mandate in a request. Whom it is for is never the request's own word.
    pub(super) fn asked_mandate(&self, form: &Form) -> Answered<Mandate> {
        if form.text("on_behalf_of").is_some() {
            let why = "an instance acts for a person by token exchange or by an identity assertion of the company's \
                       identity provider";
            return Err(invalid(why));
        }
        Ok(Mandate {
            task: free_text(form, "task")?,
            ticket: free_text(form, "ticket")?,
            on_behalf_of: None,
            facts: self.asked_facts(form)?,
            kind: form
                .text("task_kind")
                .map(|kind| kind.parse().map_err(|error| invalid(format!("task_kind: {error}"))))
                .transpose()?,
            purpose: free_text(form, "purpose")?,
            scope: match form.text("scope") {
                None => Vec::new(),
                Some(text) => {
                    let scope: Scope = text
                        .parse()
                        .map_err(|error| OAuthError::new(OAuthCode::InvalidScope, format!("{error}")))?;
                    crate::scope::tokens(&scope)
                }
            },
            groups: Vec::new(),
            reads_only: false,
        })
    }

    /// `fact.NAME=value`: texts as they are, other declared types as JSON.
    fn asked_facts(&self, form: &Form) -> Answered<Object> {
        let mut facts = Object::new();
        for (name, value) in form.beginning("fact.") {
            let fact = match self.policy.facts.get(name) {
                Some(FactType::Bool | FactType::Long | FactType::SetOfString) => {
                    Json::parse(value.as_bytes())
                        .map_err(|error| invalid(format!("fact '{name}' is not JSON: {error}")))?
                }
                // An undeclared one is refused where all facts are looked at.
                Some(FactType::String) | None => value.into(),
            };
            facts.set(name, fact);
        }
        Ok(facts)
    }

    /// The resource that a token is asked for (RFC 8707): this deployment, or one connector of it.
    pub(super) fn asked_audience(&self, form: &Form) -> Answered<Option<String>> {
        match (form.text("resource"), form.text("audience")) {
            (Some(one), Some(other)) if one != other => Err(OAuthError::new(
                OAuthCode::InvalidTarget,
                "a token is for one resource: 'resource' and 'audience' differ",
            )),
            (Some(named), _) | (None, Some(named)) => self.known_resource(named).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn known_resource(&self, named: &str) -> Answered<String> {
        let unknown = || {
            let why = format!(
                "there is no resource '{named}' here; ask for {} or a connector's address below it",
                self.base()
            );
            OAuthError::new(OAuthCode::InvalidTarget, why)
        };
        let same = |one: &str, other: &str| match (one.parse::<Target>(), other.parse::<Target>()) {
            (Ok(one), Ok(other)) => {
                one.as_str().trim_end_matches('/') == other.as_str().trim_end_matches('/')
            }
            _ => false,
        };
        if named.contains(['?', '#']) {
            return Err(unknown());
        }
        let whole = [&self.deployment.audience, &self.deployment.issuer];
        if whole.into_iter().any(|whole| same(named, whole)) {
            return Ok(self.deployment.audience.clone());
        }
        let connectors = self.policy.connectors.iter().map(|model| self.resource_of(&model.name));
        connectors.into_iter().find(|resource| same(named, resource)).ok_or_else(unknown)
    }

    /// Whether tokens of this deployment are for this audience: for all of it, or for one of its connectors. A token for
    /// any other is none of ours, whoever signed it.
    pub(crate) fn is_known_audience(&self, audience: &str) -> bool {
        let mut connectors = self.policy.connectors.iter();
        audience == self.deployment.audience
            || connectors.any(|model| audience == self.resource_of(&model.name))
    }

    /// The public address of a connector, as clients use it: the audience of tokens for it alone.
    #[must_use]
    pub fn resource_of(&self, connector: &ConnectorName) -> String {
        format!("{}/mcp/{connector}", self.base())
    }

    /// The public address, without a slash at its end.
    pub(super) fn base(&self) -> &str {
        self.deployment.issuer.trim_end_matches('/')
    }
}

/// How long the token is asked to live.
pub(super) fn asked_life(form: &Form) -> Answered<Duration> {
    let Some(text) = form.text("ttl") else { return Ok(limits::INSTANCE_LIFE_DEFAULT) };
    match text.parse::<u64>() {
        Ok(seconds) if (1..=limits::INSTANCE_LIFE.as_secs()).contains(&seconds) => {
            Ok(Duration::from_secs(seconds))
        }
        _ => {
            Err(invalid(format!("ttl is a number of seconds from 1 to {}", limits::INSTANCE_LIFE.as_secs())))
        }
    }
}

fn free_text(form: &Form, name: &str) -> Answered<Option<String>> {
    match form.text(name) {
        Some(text) if text.chars().count() > limits::TEXT_CHARS => {
            Err(invalid(format!("{name} is longer than {} characters", limits::TEXT_CHARS)))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn invalid(why: impl AsRef<str>) -> OAuthError {
    OAuthError::new(OAuthCode::InvalidRequest, why)
}
