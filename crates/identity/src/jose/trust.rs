//! The rules by which one issuer's tokens are believed. Every token is checked by exactly one set of them.
//! RFC 7519 section 7.2, RFC 8725 (no algorithm, key or audience of the token's choosing).

use std::time::Duration;

use placet_domain::{Json, Object, Timestamp};

use super::{Algorithm, ForeignClaims, Jwks, UnverifiedToken, seconds};
use crate::{
    fault::{TokenError, TokenFault},
    limits,
};

/// What `aud` may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// One of ours is among the values.
    Among,
    /// Ours is the only value: a text, or an array of one.
    Sole,
    /// Ours, as a text (RFC 7523 as it is read since 2025: an array invites a second reader).
    Text,
}

/// What kind of token is expected (`typ`), compared without case (RFC 7515 section 4.1.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenType {
    named: &'static [&'static str],
    absent: bool,
}

impl TokenType {
    /// A plain JWT: `JWT`, or no `typ`.
    pub const JWT: Self = Self { named: &["JWT"], absent: true };
    /// An RFC 9068 access token.
    pub const ACCESS: Self = Self::only(&["at+jwt"]);

    /// One of these, and never absent.
    #[must_use]
    pub const fn only(named: &'static [&'static str]) -> Self {
        Self { named, absent: false }
    }

    /// One of these, or absent.
    #[must_use]
    pub const fn or_absent(named: &'static [&'static str]) -> Self {
        Self { named, absent: true }
    }

    fn accepts(&self, kind: Option<&str>) -> bool {
        match kind {
            None => self.absent,
            Some(kind) => self.named.iter().any(|named| named.eq_ignore_ascii_case(kind)),
        }
    }
}

/// The rules for the tokens of one issuer and one purpose.
#[derive(Debug, Clone)]
pub struct Trust {
    issuer: Option<String>,
    audiences: Vec<String>,
    form: Audience,
    algorithms: Vec<Algorithm>,
    kind: TokenType,
    keys: Jwks,
    longest: Duration,
    leeway: Duration,
    expires: bool,
    issued: bool,
}

impl Trust {
    /// Believes tokens of this issuer, for this audience alone, signed by these keys. As strict as can be:
    /// a plain JWT with `iat` and `exp`, for at most a day, with half a minute for the difference of clocks.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, keys: Jwks) -> Self {
        Self {
            issuer: Some(issuer.into()),
            audiences: vec![audience.into()],
            form: Audience::Sole,
            algorithms: Algorithm::ALL.to_vec(),
            kind: TokenType::JWT,
            keys,
            longest: limits::FOREIGN_LIFE,
            leeway: limits::LEEWAY,
            expires: true,
            issued: true,
        }
    }

    /// Accepts another audience too.
    #[must_use]
    pub fn or_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets what `aud` may look like.
    #[must_use]
    pub fn with_audience_form(mut self, form: Audience) -> Self {
        self.form = form;
        self
    }

    /// Accepts these algorithms only.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// Expects this kind of token.
    #[must_use]
    pub fn with_type(mut self, kind: TokenType) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the longest life, from `iat` to `exp`; for tokens without `exp`, the highest age.
    #[must_use]
    pub fn with_longest_life(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// Sets how far the issuer's clock may differ.
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Uses other keys, after the issuer rotated them.
    #[must_use]
    pub fn with_keys(mut self, keys: Jwks) -> Self {
        self.keys = keys;
        self
    }

    /// JWT-SVIDs need neither `iss` nor `iat`: the trust bundle says whose they are.
    pub(crate) fn without_issuer(mut self) -> Self {
        self.issuer = None;
        self.issued = false;
        self
    }

    /// Security events tell of the past: they do not expire, and one that does is something else.
    pub(crate) fn without_expiry(mut self) -> Self {
        self.expires = false;
        self
    }

    /// The issuer, unless the keys alone say whose tokens these are.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// How far the issuer's clock may differ.
    #[must_use]
    pub fn leeway(&self) -> Duration {
        self.leeway
    }

    /// What the token says, if these rules believe it at `now`.
    ///
    /// # Errors
    /// See [`TokenFault`]; `Key` means that the issuer's keys may have been rotated.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<ForeignClaims, TokenError> {
        self.accept(UnverifiedToken::parse(token)?, now)
    }

    /// [`Trust::verify`] for a token that was taken apart already.
    ///
    /// # Errors
    /// See [`Trust::verify`].
    pub fn accept(&self, token: UnverifiedToken<'_>, now: Timestamp) -> Result<ForeignClaims, TokenError> {
        if !self.algorithms.contains(&token.algorithm) {
            return Err(TokenError::new(
                TokenFault::Algorithm,
                format!("{} is not expected of this issuer", token.algorithm),
            ));
        }
        if !self.kind.accepts(token.kind.as_deref()) {
            return Err(TokenError::new(TokenFault::Type, "the token is of another kind"));
        }
        let key = self.keys.select(token.key_id.as_deref(), token.algorithm)?;
        let claims = token.verified_by(key)?;
        self.check_issuer(&claims)?;
        self.check_audience(&claims)?;
        let (issued, expires) = self.check_times(&claims, now)?;
        Ok(ForeignClaims { claims, issued, expires })
    }

    fn check_issuer(&self, claims: &Object) -> Result<(), TokenError> {
        match &self.issuer {
            Some(issuer) if claims.member("iss").and_then(Json::as_str) != Some(issuer) => {
                Err(TokenError::new(TokenFault::Issuer, "the token is of another issuer"))
            }
            _ => Ok(()),
        }
    }

    fn check_audience(&self, claims: &Object) -> Result<(), TokenError> {
        let other = || TokenError::new(TokenFault::Audience, "the token is for another audience");
        let ours = |text: &str| self.audiences.iter().any(|audience| audience == text);
        match claims.member("aud").ok_or_else(other)? {
            Json::String(text) if ours(text) => Ok(()),
            Json::Array(all) => {
                let texts: Option<Vec<&str>> = all.iter().map(Json::as_str).collect();
                let texts = texts.ok_or_else(other)?;
                match self.form {
                    Audience::Among if texts.iter().any(|text| ours(text)) => Ok(()),
                    Audience::Sole if matches!(texts.as_slice(), [one] if ours(one)) => Ok(()),
                    Audience::Among | Audience::Sole | Audience::Text => Err(other()),
                }
            }
            _ => Err(other()),
        }
    }

    /// The dates, each of which only narrows: `nbf`, `iat`, `exp`, and the longest life.
    fn check_times(
        &self,
        claims: &Object,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), TokenError> {
        let (issued, expires) = (seconds(claims, "iat")?, seconds(claims, "exp")?);
        let missing = |name: &str| TokenError::new(TokenFault::Claim, format!("claim `{name}` is missing"));
        let soon = now.after(self.leeway);
        if let Some(begins) = seconds(claims, "nbf")?
            && begins > soon
        {
            return Err(TokenError::new(TokenFault::NotYet, "the token is not valid yet"));
        }
        match issued {
            Some(issued) if issued > soon => {
                return Err(TokenError::new(TokenFault::NotYet, "the token was issued in the future"));
            }
            None if self.issued => return Err(missing("iat")),
            _ => {}
        }
        let life_begins = issued.unwrap_or(soon);
        match expires {
            Some(_) if !self.expires => {
                Err(TokenError::new(TokenFault::Claim, "a token of this kind has no `exp`"))
            }
            None if self.expires => Err(missing("exp")),
            None if now.since(life_begins) > self.longest => {
                Err(TokenError::new(TokenFault::Expired, "the token is too old"))
            }
            Some(expires) if now >= expires.after(self.leeway) => {
                Err(TokenError::new(TokenFault::Expired, format!("the token expired at {expires}")))
            }
            Some(expires) if expires <= life_begins && issued.is_some() => {
                Err(TokenError::new(TokenFault::Life, "the token ends before it begins"))
            }
            Some(expires) if expires.since(life_begins) > self.longest => Err(TokenError::new(
                TokenFault::Life,
                format!("the token lives longer than {} s", self.longest.as_secs()),
            )),
            _ => Ok((issued, expires)),
        }
    }
}
