//! Word of an ending: for streams that are open when their run, their tool or its connector is stopped. Whoever waits
//! is woken by every halt and revocation, and by the clock when the run's time is over.

use std::time::Duration;

use placet_domain::{
    ConnectorName, InstanceId, Operation, PersonName, Refusal, RegistryChange, RegistryReceipt,
};
use tokio::sync::watch;

use crate::{
    Caller, Engine, StartError,
    halts::{about_revocation, until},
};

/// How long at most nobody looks at the clock while waiting.
const GLANCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Returns when this caller may act no longer by this road, with the refusal to end its streams with: its run
    /// was stopped, revoked or has expired, or the connector or the tool was stopped.
    pub async fn ended(
        &self,
        caller: &Caller,
        connector: &ConnectorName,
        operation: Option<&Operation>,
    ) -> Refusal {
        let mut endings = self.halting.endings();
        loop {
            // Whatever changes after this line wakes us, so nothing can change between the look and the wait.
            endings.borrow_and_update();
            let now = self.ports.clock.now();
            if let Err(refusal) = self.stands(caller.instance().id, connector, operation) {
                return refusal;
            }
            let by_grant = operation.and_then(|operation| self.grant_end(caller, connector, operation));
            let end = caller.instance().expires;
            let rest = until(by_grant.map_or(end, |grant| grant.min(end)), now).min(GLANCE);
            // An error is the end of the engine, which ends this too; a timeout is a look at the clock.
            let _woken = tokio::time::timeout(rest, endings.changed()).await;
        }
    }

    /// Whether calls of an instance would get past identification and the kill switch now.
    ///
    /// # Errors
    /// The refusal it would be given.
    pub fn stands(
        &self,
        instance: InstanceId,
        connector: &ConnectorName,
        operation: Option<&Operation>,
    ) -> Result<(), Refusal> {
        let now = self.ports.clock.now();
        self.lives(instance, now)?;
        self.unless_road_halted(connector, operation)?;
        match operation {
            Some(operation) => self.unless_grant_ended(instance, connector, operation, now),
            None => Ok(()),
        }
    }

    /// A number that changes with every halt, revocation and change of an agent, for whoever keeps things open.
    #[must_use]
    pub fn endings(&self) -> watch::Receiver<u64> {
        self.halting.endings()
    }

    /// Revokes every live instance that a person has started or that acts for them; how many there were. After `Ok`
    /// no further call of any of them is accepted. `cause` goes into the receipts.
    ///
    /// # Errors
    /// Those of [`Engine::revoke`]; some may be revoked then.
    pub async fn revoke_of(
        &self,
        person: &PersonName,
        cause: &str,
        by: Option<&PersonName>,
    ) -> Result<usize, StartError> {
        self.revoke_where(cause, by, |instance| depends_on(instance, person)).await
    }

    /// Revokes the live instances of people who are not here any more: they are refused already, now it is on record.
    ///
    /// # Errors
    /// Those of [`Engine::revoke`].
    pub async fn revoke_of_leavers(&self) -> Result<usize, StartError> {
        // Somebody's streams may be open.
        self.halting.announce();
        let gone = |person: &PersonName| self.ports.people.person(person).is_none();
        let left = |instance: &placet_domain::Instance| {
            gone(&instance.started_by) || instance.mandate.on_behalf_of.as_ref().is_some_and(gone)
        };
        self.revoke_where("left", None, left).await
    }

    async fn revoke_where(
        &self,
        cause: &str,
        by: Option<&PersonName>,
        affected: impl Fn(&placet_domain::Instance) -> bool,
    ) -> Result<usize, StartError> {
        let now = self.ports.clock.now();
        let mut revoked = 0;
        for instance in self.ports.mandates.instances() {
            if instance.revoked.is_some() || now >= instance.expires || !affected(&instance) {
                continue;
            }
            self.ports.mandates.revoke(instance.id, now).await?;
            self.halting.announce();
            self.record_change(RegistryReceipt {
                id: self.receipt_id(now),
                now,
                change: RegistryChange::InstanceRevoked,
                by,
                about: about_revocation(&instance, Some(cause)),
            })
            .await?;
            revoked += 1;
        }
        Ok(revoked)
    }
}

fn depends_on(instance: &placet_domain::Instance, person: &PersonName) -> bool {
    instance.started_by == *person || instance.mandate.on_behalf_of.as_ref() == Some(person)
}
