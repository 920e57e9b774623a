//! The end of a sign-in: forgotten here first, then taken back by the authorization server that gave the tokens out
//! (RFC 7009), if it serves that. What it answers changes nothing here, and is told to whoever signs out.

use placet_engine::ports::Withdrawal;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    account::{Account, Memory},
    kept::Kept,
};

impl Account {
    /// Forgets the sign-in, and asks for its tokens to be taken back. None if there was none.
    pub(crate) async fn forget(&self) -> Result<Option<Withdrawal>, String> {
        let (was, kept) = {
            let mut memory = self.memory.lock().await;
            // What cannot be opened any more is forgotten all the same.
            let _loaded = self.load(&mut memory).await;
            let was = self.safe.vault.remove(&self.connector).await.map_err(|error| error.to_string())?;
            let kept = std::mem::replace(&mut *memory, Memory::empty()).kept;
            self.leave();
            (was, kept)
        };
        Ok(match (was, kept) {
            (_, Some(kept)) => Some(self.withdraw(&kept).await),
            (true, None) => Some(Withdrawal::Refused("what was kept of it could not be opened".to_owned())),
            (false, None) => None,
        })
    }

    /// The refresh token first: with it many servers take back what came of it.
    async fn withdraw(&self, kept: &Kept) -> Withdrawal {
        let Some(endpoint) = &kept.revocation_endpoint else { return Withdrawal::Unserved };
        let tokens = [("refresh_token", &kept.refresh), ("access_token", &kept.access)];
        let mut refused = None;
        for (hint, token) in tokens.into_iter().filter_map(|(hint, token)| Some((hint, token.as_ref()?))) {
            if let Err(why) = self.revoke(kept, endpoint, hint, token).await {
                refused.get_or_insert(why);
            }
        }
        refused.map_or(Withdrawal::Revoked, Withdrawal::Refused)
    }

    async fn revoke(
        &self,
        kept: &Kept,
        endpoint: &str,
        hint: &str,
        token: &SecretString,
    ) -> Result<(), String> {
        let fields = [("token", token.expose_secret()), ("token_type_hint", hint)];
        let told = self.ask(kept, endpoint, &fields).await?;
        match told.status.is_success() {
            true => Ok(()),
            false => Err(format!("its authorization server answers {}", told.error())),
        }
    }
}
