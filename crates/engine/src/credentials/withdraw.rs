//! `POST /oauth/introspect` (RFC 7662) and `POST /oauth/revoke` (RFC 7009). An agent asks about its own tokens; about all
//! others it learns nothing.

use std::sync::Arc;

use placet_domain::{Instance, InstanceId, RegistryChange, RegistryReceipt, Timestamp};
use placet_identity::{AccessToken, OAuthCode, OAuthError, introspection};

use super::{Answered, OAuthAnswer, OAuthRequest};
use crate::{Engine, StartError, halts::about_revocation};

impl Engine {
    /// Answers whether a token is good now.
    pub async fn introspect(&self, request: OAuthRequest) -> OAuthAnswer {
        let now = self.ports.clock.now();
        let found = self.own_and_alive(&request, now).await;
        let body = found.map(|token| (200, Some(introspection(&self.deployment.issuer, token.as_deref()))));
        self.answered(body, now)
    }

    /// Ends the instance of a token. An authenticated client is always told that it is done: there is nothing to learn
    /// about tokens that are not its own.
    pub async fn revoke_token(&self, request: OAuthRequest) -> OAuthAnswer {
        let now = self.ports.clock.now();
        let revoked = match self.own_and_alive(&request, now).await {
            Ok(Some(token)) => self
                .end_run(token.instance())
                .await
                .map_err(|error| OAuthError::new(OAuthCode::TemporarilyUnavailable, error.to_string())),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        self.answered(revoked.map(|()| (200, None)), now)
    }

    async fn own_and_alive(
        &self,
        request: &OAuthRequest,
        now: Timestamp,
    ) -> Answered<Option<Arc<AccessToken>>> {
        let asker = self.asker(request, now).await?;
        let token = request.form.required("token")?;
        let known = self.verifier.inspect(token, |audience| self.is_known_audience(audience), now).ok();
        Ok(known.filter(|token| token.agent == asker && self.believe(token, now).is_ok()))
    }

    /// Ends a run on its own agent's word. After `Ok` no further call of it is accepted.
    ///
    /// # Errors
    /// Those of [`Engine::revoke`].
    async fn end_run(&self, id: InstanceId) -> Result<(), StartError> {
        let now = self.ports.clock.now();
        let instance: Option<Arc<Instance>> = self.ports.mandates.instance(id);
        let (Some(instance), true) = (instance, self.ports.mandates.revoke(id, now).await?) else {
            return Ok(());
        };
        self.halting.announce();
        self.record_change(RegistryReceipt {
            id: self.receipt_id(now),
            now,
            change: RegistryChange::InstanceRevoked,
            by: None,
            about: about_revocation(&instance, Some("ended by its agent")),
        })
        .await?;
        Ok(())
    }
}
