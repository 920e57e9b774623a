//! Decision points of others, over HTTP: one question, one answer, within a deadline. Whatever is not a plain answer is an
//! error, and the engine takes an error for a no.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use http::{HeaderValue, Uri, header};
use placet_domain::{Json, Object};
use placet_engine::ports::{DecisionPointError, DecisionPoints};
use secrecy::ExposeSecret as _;

use crate::{ConfigError, Secret, ask::Asker, web::admitted};

/// How a decision point is asked.
#[derive(Debug, Clone)]
pub struct DecisionPointConfig {
    /// Its name.
    pub name: String,
    /// The endpoint: `https`, or `http` on this machine.
    pub url: String,
    /// Which interface it has.
    pub interface: Interface,
    /// The value of `Authorization`, if it asks for one.
    pub authorization: Option<Secret>,
    /// How long it may take.
    pub deadline: Duration,
}

/// The interface of a decision point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// OpenID AuthZEN: the evaluation endpoint.
    Authzen,
    /// OPA: a document of `/v1/data` that is `true`, or has `allow: true`.
    Opa,
}

/// Asks the configured decision points.
#[derive(Debug)]
pub struct HttpDecisionPoints {
    asker: Asker,
    points: HashMap<String, Point>,
}

#[derive(Debug)]
struct Point {
    uri: Uri,
    interface: Interface,
    authorization: Option<HeaderValue>,
    deadline: Duration,
}

impl HttpDecisionPoints {
    /// Takes the operator's decision points. Connects to nothing yet.
    ///
    /// # Errors
    /// An address that may not be asked, a credential that is no header's value, or a TLS library that cannot be used.
    pub fn new(configs: Vec<DecisionPointConfig>) -> Result<Self, ConfigError> {
        let mut points = HashMap::new();
        for config in configs {
            let wrong = |rule: &'static str| ConfigError::DecisionPoint { name: config.name.clone(), rule };
            let uri = admitted(&config.url).map_err(wrong)?;
            let authorization = match &config.authorization {
                None => None,
                Some(secret) => {
                    let mut value = HeaderValue::from_str(secret.expose_secret())
                        .map_err(|_| wrong("its credential is no header's value"))?;
                    value.set_sensitive(true);
                    Some(value)
                }
            };
            let point = Point { uri, interface: config.interface, authorization, deadline: config.deadline };
            points.insert(config.name, point);
        }
        Ok(Self { asker: Asker::new()?, points })
    }
}

#[async_trait]
impl DecisionPoints for HttpDecisionPoints {
    async fn ask(&self, name: &str, question: Object) -> Result<bool, DecisionPointError> {
        let point = self.points.get(name).ok_or_else(|| error("it is not configured"))?;
        let body = match point.interface {
            Interface::Authzen => question,
            Interface::Opa => Object::new().with("input", question),
        };
        let authorization = point.authorization.clone().map(|value| (header::AUTHORIZATION, value));
        let asked =
            self.asker.post(&point.uri, authorization, Json::Object(body).canonical(), point.deadline);
        let answer = asked.await.map_err(DecisionPointError)?;
        read(point.interface, &answer).ok_or_else(|| error("its answer is no decision"))
    }
}

/// The decision in an answer. An undefined document of OPA is none.
fn read(interface: Interface, answer: &Json) -> Option<bool> {
    match interface {
        Interface::Authzen => {
            // An obligation that came with a yes would have to be carried out here.
            let obliged = answer.member("context").and_then(|context| context.member("obligations"));
            let is_obliged = obliged.is_some_and(|all| all.as_array().is_none_or(|all| !all.is_empty()));
            Some(answer.member("decision")?.as_bool()? && !is_obliged)
        }
        Interface::Opa => match answer.member("result")? {
            Json::Bool(allows) => Some(*allows),
            result => result.member("allow")?.as_bool(),
        },
    }
}

fn error(why: &str) -> DecisionPointError {
    DecisionPointError(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(interface: Interface, answer: &str) -> Option<bool> {
        read(interface, &Json::parse(answer.as_bytes()).unwrap())
    }

    #[test]
    fn only_a_plain_yes_is_a_yes() {
        for (answer, expected) in [
            (r#"{"decision":true}"#, Some(true)),
            (r#"{"decision":false}"#, Some(false)),
            (r#"{"decision":true,"context":{"obligations":[]}}"#, Some(true)),
            (r#"{"decision":true,"context":{"obligations":[{"id":"1","type":"step-up"}]}}"#, Some(false)),
            (r#"{"decision":true,"context":{"obligations":{}}}"#, Some(false)),
            (r#"{"decision":"true"}"#, None),
            (r#"{"allow":true}"#, None),
            ("[]", None),
        ] {
            assert_eq!(decision(Interface::Authzen, answer), expected, "{answer}");
        }
        for (answer, expected) in [
            (r#"{"result":true}"#, Some(true)),
            (r#"{"result":{"allow":true}}"#, Some(true)),
            (r#"{"result":{"allow":false}}"#, Some(false)),
            (r#"{"result":{"deny":[]}}"#, None),
            ("{}", None),
        ] {
            assert_eq!(decision(Interface::Opa, answer), expected, "{answer}");
        }
    }

    #[test]
    fn only_https_and_this_machine_are_asked() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = |url: &str| DecisionPointConfig {
            name: "pdp".to_owned(),
            url: url.to_owned(),
            interface: Interface::Authzen,
            authorization: None,
            deadline: Duration::from_millis(250),
        };
        assert!(HttpDecisionPoints::new(vec![config("http://127.0.0.1:3592/access/v1/evaluation")]).is_ok());
        assert!(HttpDecisionPoints::new(vec![config("http://pdp.example/access/v1/evaluation")]).is_err());
    }
}
