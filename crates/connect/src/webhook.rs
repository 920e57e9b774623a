//! Signatures of what we send to others, so that they know it is from us: Standard Webhooks 1.0, symmetric.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};
use placet_domain::Timestamp;
use secrecy::ExposeSecret as _;

use crate::Secret;

/// The secret that is shared with a receiver. It does not print.
#[derive(Debug)]
pub(crate) struct WebhookKey(hmac::Key);

/// Bytes that a secret has at least and at most.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

impl WebhookKey {
    /// Reads `whsec_` and base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// The rule it breaks.
    pub(crate) fn read(secret: &Secret) -> Result<Self, &'static str> {
        let rule = "its secret has to be `whsec_` and base64 of 24 to 64 bytes";
        let encoded = secret.expose_secret().strip_prefix("whsec_").ok_or(rule)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| rule)?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(rule);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The headers of a message: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    pub(crate) fn headers(&self, id: &str, at: Timestamp, body: &str) -> Vec<(HeaderName, HeaderValue)> {
        let at = at.seconds();
        let signed = hmac::sign(&self.0, format!("{id}.{at}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(signed.as_ref()));
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signature),
        ]
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        let key =
            WebhookKey::read(&Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned())).unwrap();
        let at = Timestamp::from_micros(1_614_265_330_000_000);
        let headers = key.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        let told: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            told,
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ]
        );
        assert!(!format!("{key:?}").contains("MfKQ"));
    }

    #[test]
    fn a_secret_that_is_short_or_none_is_refused() {
        for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!"] {
            assert!(WebhookKey::read(&Secret::from(text.to_owned())).is_err(), "{text}");
        }
    }
}
