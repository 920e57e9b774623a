//! Workload federation: a platform's token becomes an agent's, by `jwt-bearer` (RFC 7523 section 2.1, SEP-1933).
//! No secret is stored anywhere; who may is said in rules over the claims that the platform signs.

mod presets;

pub use presets::ConditionError;

use placet_domain::{AgentName, Json, Number, Timestamp};

use crate::{
    Audience, ClaimPath, ForeignClaims, Jwks, Pattern, TokenError, TokenFault, TokenType, Trust,
    UnverifiedToken, limits,
};

/// One condition: the claim at this path fits this pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Where the claim is.
    pub path: ClaimPath,
    /// What it must be. Truth values and integers are compared as they are written in JSON.
    pub pattern: Pattern,
}

/// Which workloads of a platform are runs of which agent.
#[derive(Debug, Clone)]
pub struct FederationRule {
    agent: AgentName,
    conditions: Vec<Condition>,
    trust: Trust,
}

/// Why a rule is refused when it is loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A platform's issuer is shared by many: without a condition, all of its workloads would be the agent.
    #[error("the rule for agent `{0}` has no condition on a claim: every workload of the issuer would be it")]
    Unconditional(AgentName),
    /// A condition on a claim that says nothing about which workload it is.
    #[error("`{0}` does not tell workloads apart; put conditions on other claims")]
    Idle(ClaimPath),
    /// The same claim twice: both conditions would have to hold, which is seldom meant.
    #[error("there are two conditions on `{0}`; write two rules")]
    Repeated(ClaimPath),
}

impl FederationRule {
    /// A rule: a token of this issuer, for this audience alone, signed by these keys, whose claims meet all of the
    /// conditions, is a run of the agent.
    ///
    /// # Errors
    /// See [`RuleError`].
    pub fn new(
        agent: AgentName,
        issuer: &str,
        audience: &str,
        keys: Jwks,
        conditions: Vec<Condition>,
    ) -> Result<Self, RuleError> {
        if conditions.is_empty() {
            return Err(RuleError::Unconditional(agent));
        }
        for (place, Condition { path, .. }) in conditions.iter().enumerate() {
            if matches!(path.head(), "iss" | "aud" | "exp" | "nbf" | "iat" | "jti") {
                return Err(RuleError::Idle(path.clone()));
            }
            if conditions.iter().skip(place + 1).any(|other| other.path == *path) {
                return Err(RuleError::Repeated(path.clone()));
            }
        }
        let trust = Trust::new(issuer, audience, keys)
            .with_audience_form(Audience::Sole)
            .with_type(TokenType::JWT)
            .with_longest_life(limits::WORKLOAD_LIFE);
        Ok(Self { agent, conditions, trust })
    }

    fn matches(&self, claims: &ForeignClaims) -> bool {
        self.conditions.iter().all(|Condition { path, pattern }| match path.find(claims.object()) {
            Some(Json::String(text)) => pattern.matches(text),
            Some(Json::Bool(value)) => pattern.matches(if *value { "true" } else { "false" }),
            Some(Json::Number(Number::Integer(value))) => pattern.matches(&value.to_string()),
            _ => false,
        })
    }
}

/// All rules of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Federation {
    rules: Vec<FederationRule>,
}

/// A workload that was recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Admission {
    /// The agent it is.
    pub agent: AgentName,
    /// What its platform says about it: for the receipt.
    pub claims: ForeignClaims,
}

impl Federation {
    /// Takes the rules.
    #[must_use]
    pub fn new(rules: Vec<FederationRule>) -> Self {
        Self { rules }
    }

    /// Whether some rule is about this issuer: whether its keys are worth fetching.
    #[must_use]
    pub fn knows(&self, issuer: &str) -> bool {
        self.rules.iter().any(|rule| rule.trust.issuer() == Some(issuer))
    }

    /// The agent whose rule the token meets. If rules of two agents fit, or two rules of one, it is refused:
    /// which of them was meant is for the operator to say.
    ///
    /// # Errors
    /// See [`TokenFault`]; `Match`: not exactly one rule fits.
    pub fn admit(&self, token: &str, now: Timestamp) -> Result<Admission, TokenError> {
        let unverified = UnverifiedToken::parse(token)?;
        let issuer = unverified.issuer().map(str::to_owned);
        let mut met: Option<Admission> = None;
        let mut refused = None;
        let of_issuer = |rule: &&FederationRule| issuer.is_some() && rule.trust.issuer() == issuer.as_deref();
        for rule in self.rules.iter().filter(of_issuer) {
            match rule.trust.accept(unverified.clone(), now) {
                Ok(claims) if rule.matches(&claims) => {
                    if let Some(met) = met {
                        return Err(TokenError::new(
                            TokenFault::Match,
                            format!("rules for `{}` and `{}` both fit the token", met.agent, rule.agent),
                        ));
                    }
                    met = Some(Admission { agent: rule.agent.clone(), claims });
                }
                Ok(_) => {
                    refused = Some(TokenError::new(TokenFault::Match, "no rule's conditions fit the token"));
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        met.ok_or_else(|| {
            refused
                .unwrap_or_else(|| TokenError::new(TokenFault::Issuer, "no rule is about the token's issuer"))
        })
    }
}

#[cfg(test)]
mod tests;
