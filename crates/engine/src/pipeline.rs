//! The life of a call, top to bottom: identify → parse → resolve → decide → record → perform → record → reply.
//! Every step returns what it found; the receipts are built from that and from nothing else.

use std::sync::Arc;

use placet_domain::{AccessRequest, Timestamp};

use crate::{
    Attempt, Engine, Reply,
    approvals::Evidence,
    judged::{Judged, Stopped},
    limits::Metered,
    ports::Relay,
    record::Recorded,
};

impl Engine {
    /// Judges an attempt; if it may run, runs it once. Every attempt of a known agent leaves a decision receipt, and
    /// every call that ran an outcome receipt, durable before the caller hears of it.
    pub async fn handle(self: Arc<Self>, attempt: Attempt, relay: Relay) -> Reply {
        // Time is read once: the same moment is judged, recorded and replayed.
        let now = self.ports.clock.now();

        // Who is it, what do they want, on what, and may they? A refusal is a decision too.
        let judged = self.judge(&attempt, now).await.unwrap_or_else(Judged::stopped);

        // Judging takes time. Whoever was revoked meanwhile does not act.
        let judged = self.unless_revoked(judged);

        // Nothing leaves before the decision is on disk.
        match self.record(&attempt, judged, now).await {
            Recorded::Go(placet, open) => {
                // The one place where something happens in the world.
                let performed = self.perform(placet, attempt.link, relay, &open.duties).await;
                // What happened is on disk before the caller hears of it.
                self.settle(open, performed).await
            }
            Recorded::Stop(refusal, receipts) => Reply::Refused { refusal, receipts },
            // Stopped while the decision was being written: allowed on record, so not sent on record.
            Recorded::Withdrawn(refusal, open) => self.withdraw(refusal, open).await,
        }
    }

    async fn judge(&self, attempt: &Attempt, now: Timestamp) -> Result<Judged, Stopped> {
        // A live instance of a registered agent, or nobody.
        let caller = self.identify(&attempt.credential, Some(&attempt.connector), now)?;

        // One tree, read in exactly one way: it is judged, hashed, shown and sent.
        let call = attempt.call.clone().map_err(|refusal| Stopped::unread(&caller, refusal))?;

        // The rules in force: one immutable snapshot for the whole call.
        let policies = self.rules_for(&caller.agent().name);

        // The tool's pin, the resource, and its facts: looked up, never the agent's word.
        let request = self.resolve(&policies, &caller, call, now).await?;

        // Whoever looks for what is out of the ordinary.
        let request = self.ask_hooks(&policies, request).await;

        // Pure and total: the same request under the same rules gives the same decision. If it allows, it is charged.
        let metered = self.decide(&policies, request)?;

        // Decision points of others can only narrow it.
        let Metered { request, decision, charged } = self.consult(metered).await;

        // An approval is evidence that lifts named gates; with it, everything is decided again.
        match self.evidence(&policies, &request, &decision).await {
            Evidence::NotNeeded => self.conclude(request, decision, charged),
            Evidence::Found(approval) => {
                // What was taken for it is given back before it is taken anew.
                drop(charged);
                let request = AccessRequest { lifted: approval.lifts(), ..request };
                let metered = self.weighed(self.decide(&policies, request)?);
                self.redeem(metered, approval).await
            }
            Evidence::Missing(refusal, asked) => Err(Stopped::judged(request, decision, asked, refusal)),
        }
    }
}
