//! An operator signs in at the authorization server of an upstream, and out again: with a receipt, and whatever tools the
//! upstream shows from then on. The protocol is `placet-connect`'s.

use placet_domain::{ConnectorName, Object, PersonName, RegistryChange, RegistryReceipt};

use crate::{
    Engine,
    ports::{LedgerUnavailable, LoginError, LoginStep, SignedIn, Withdrawal},
};

/// Why nobody signed in or out.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamLoginError {
    /// The receipt could not be written. Nobody is signed in.
    #[error("the sign-in was not recorded")]
    Ledger(#[from] LedgerUnavailable),
    /// It did not come about.
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl Engine {
    /// Begins a sign-in. `redirect` is the address on the operator's machine to which the answer comes back.
    ///
    /// # Errors
    /// See [`UpstreamLoginError`].
    pub async fn begin_login(
        &self,
        connector: &ConnectorName,
        redirect: &str,
        by: &PersonName,
    ) -> Result<LoginStep, UpstreamLoginError> {
        let step = self.ports.connectors.begin_login(connector, redirect).await?;
        if let LoginStep::Done(signed_in) = &step {
            self.signed_in(connector, signed_in, by).await?;
        }
        Ok(step)
    }

    /// Ends a sign-in with the query that came back.
    ///
    /// # Errors
    /// See [`UpstreamLoginError`].
    pub async fn end_login(
        &self,
        connector: &ConnectorName,
        answer: &str,
        by: &PersonName,
    ) -> Result<SignedIn, UpstreamLoginError> {
        let signed_in = self.ports.connectors.end_login(connector, answer).await?;
        self.signed_in(connector, &signed_in, by).await?;
        Ok(signed_in)
    }

    /// Forgets the sign-in of a connector, and has its tokens taken back where they can be. None if there was none.
    ///
    /// # Errors
    /// See [`UpstreamLoginError`].
    pub async fn forget_login(
        &self,
        connector: &ConnectorName,
        by: &PersonName,
    ) -> Result<Option<Withdrawal>, UpstreamLoginError> {
        let was = self.ports.connectors.forget_login(connector).await?;
        if let Some(withdrawal) = &was {
            let about =
                Object::new().with("connector", connector.as_str()).with("tokens", withdrawal.as_str());
            self.told(RegistryChange::UpstreamSignedOut, about, by).await?;
        }
        Ok(was)
    }

    async fn signed_in(
        &self,
        connector: &ConnectorName,
        signed_in: &SignedIn,
        by: &PersonName,
    ) -> Result<(), UpstreamLoginError> {
        let about = Object::new()
            .with("connector", connector.as_str())
            .with("issuer", signed_in.issuer.as_str())
            .with("resource", signed_in.resource.as_str())
            .with("client", signed_in.client.as_str())
            .with("scopes", signed_in.scopes.iter().map(String::as_str).collect::<Vec<_>>());
        if let Err(error) = self.told(RegistryChange::UpstreamSignedIn, about, by).await {
            // What nobody can prove is not used.
            let _forgotten = self.ports.connectors.forget_login(connector).await;
            return Err(error.into());
        }
        if let Err(refusal) = self.refresh(connector).await {
            tracing::warn!(%connector, why = refusal.why, "signed in, but its tools cannot be listed");
        }
        Ok(())
    }

    async fn told(
        &self,
        change: RegistryChange,
        about: Object,
        by: &PersonName,
    ) -> Result<(), LedgerUnavailable> {
        let now = self.ports.clock.now();
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by: Some(by), about })
            .await
    }
}
