//! Anomaly hooks, over HTTP: one signed question, one answer, within a deadline. Whatever is not a plain answer is an error; what
//! that means the engine knows. The rule is docs/policies/risk.md.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use http::Uri;
use placet_domain::Json;
use placet_engine::ports::{AnomalyHooks, HookError, HookQuestion, HookReply};

use crate::{ConfigError, Secret, ask::Asker, web::admitted, webhook::WebhookKey};

/// How a hook is asked.
#[derive(Debug, Clone)]
pub struct AnomalyHookConfig {
    /// Its name.
    pub name: String,
    /// The endpoint: `https`, or `http` on this machine.
    pub url: String,
    /// The secret that questions are signed with: `whsec_…`.
    pub secret: Secret,
    /// How long it may take.
    pub deadline: Duration,
}

/// Asks the configured hooks.
#[derive(Debug)]
pub struct HttpAnomalyHooks {
    asker: Asker,
    hooks: HashMap<String, Hook>,
}

#[derive(Debug)]
struct Hook {
    uri: Uri,
    key: WebhookKey,
    deadline: Duration,
}

impl HttpAnomalyHooks {
    /// Takes the operator's hooks. Connects to nothing yet.
    ///
    /// # Errors
    /// An address that may not be asked, a secret that is none, or a TLS library that cannot be used.
    pub fn new(configs: Vec<AnomalyHookConfig>) -> Result<Self, ConfigError> {
        let mut hooks = HashMap::new();
        for config in configs {
            let wrong = |rule: &'static str| ConfigError::AnomalyHook { name: config.name.clone(), rule };
            let uri = admitted(&config.url).map_err(wrong)?;
            let key = WebhookKey::read(&config.secret).map_err(wrong)?;
            hooks.insert(config.name, Hook { uri, key, deadline: config.deadline });
        }
        Ok(Self { asker: Asker::new()?, hooks })
    }
}

#[async_trait]
impl AnomalyHooks for HttpAnomalyHooks {
    async fn ask(&self, name: &str, question: HookQuestion) -> Result<HookReply, HookError> {
        let hook = self.hooks.get(name).ok_or_else(|| HookError("it is not configured".to_owned()))?;
        let body = Json::Object(question.body).canonical();
        let headers = hook.key.headers(&question.id, question.at, &body);
        let answer = self.asker.post(&hook.uri, headers, body, hook.deadline).await.map_err(HookError)?;
        read(&answer).ok_or_else(|| HookError("its answer is neither `points` nor `veto`".to_owned()))
    }
}

/// `{"points": 0 to 100, "veto": true or false, "why": "…"}`, with at least one of the first two.
fn read(answer: &Json) -> Option<HookReply> {
    let points = match answer.member("points") {
        None => None,
        Some(points) => Some(u8::try_from(points.as_integer()?).ok().filter(|points| *points <= 100)?),
    };
    let vetoes = match answer.member("veto") {
        None => None,
        Some(veto) => Some(veto.as_bool()?),
    };
    let why = match answer.member("why") {
        None => "the anomaly hook gave no reason",
        Some(why) => why.as_str()?,
    };
    (points.is_some() || vetoes.is_some()).then(|| HookReply {
        points: points.unwrap_or(0),
        vetoes: vetoes.unwrap_or(false),
        why: why.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
    };

    use placet_domain::{Object, Timestamp};

    use super::*;

    #[test]
    fn only_plain_answers_are_answers() {
        let reply = |points, vetoes, why: &str| Some(HookReply { points, vetoes, why: why.to_owned() });
        for (answer, expected) in [
            (r#"{"points":40,"why":"a new country"}"#, reply(40, false, "a new country")),
            (r#"{"veto":true,"why":"a stolen card"}"#, reply(0, true, "a stolen card")),
            (r#"{"points":0}"#, reply(0, false, "the anomaly hook gave no reason")),
            (r#"{"points":101}"#, None),
            (r#"{"points":-1}"#, None),
            (r#"{"points":"40"}"#, None),
            (r#"{"veto":"false"}"#, None),
            (r#"{"why":"nothing"}"#, None),
            ("{}", None),
            ("[]", None),
        ] {
            assert_eq!(read(&Json::parse(answer.as_bytes()).unwrap()), expected, "{answer}");
        }
    }

    fn hooks(port: u16, deadline: Duration) -> HttpAnomalyHooks {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        HttpAnomalyHooks::new(vec![AnomalyHookConfig {
            name: "fraud".to_owned(),
            url: format!("http://127.0.0.1:{port}/ask"),
            secret: Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
            deadline,
        }])
        .unwrap()
    }

    fn question() -> HookQuestion {
        let at = Timestamp::from_micros(1_614_265_330_000_000);
        HookQuestion { id: "msg_1".to_owned(), at, body: Object::new().with("type", "call.judging") }
    }

    #[tokio::test]
    async fn a_hook_is_asked_with_a_signature_and_its_answer_counts() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 4_096];
            let length = stream.read(&mut request).unwrap();
            let body = r#"{"points":40,"why":"odd"}"#;
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let reply = hooks(port, Duration::from_secs(5)).ask("fraud", question()).await.unwrap();
        assert_eq!(reply, HookReply { points: 40, vetoes: false, why: "odd".to_owned() });
        let request = serving.join().unwrap();
        for part in ["webhook-id: msg_1", "webhook-timestamp: 1614265330", "webhook-signature: v1,"] {
            assert!(request.contains(part), "{request}");
        }
    }

    #[tokio::test]
    async fn a_hook_that_says_nothing_in_time_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = hooks(port, Duration::from_millis(50)).ask("fraud", question()).await.unwrap_err();
        assert_eq!(error.to_string(), "it takes longer than 50 ms");
        drop(listener);
        let error = hooks(port, Duration::from_secs(5)).ask("fraud", question()).await.unwrap_err();
        assert_eq!(error.to_string(), "it cannot be reached");
    }
}
