//! Where frames that are not the answer go: a client's relay, or nowhere for the gateway's own requests.

use placet_engine::ports::{Relay, RelayFrame};
use tokio::sync::mpsc;

/// The way to the client of one exchange.
#[derive(Debug, Clone)]
pub(crate) enum Outlet {
    /// To a client.
    Relay(Relay),
    /// Nobody listens: the gateway asks in its own name.
    Nowhere,
}

impl Outlet {
    /// Hands a frame on, waiting for a slow client. `false` if the client went away.
    pub(crate) async fn send(&self, frame: RelayFrame) -> bool {
        match self {
            Self::Relay(relay) => relay.send(frame).await.is_ok(),
            Self::Nowhere => true,
        }
    }

    /// Returns when the client went away.
    pub(crate) async fn closed(&self) {
        match self {
            Self::Relay(relay) => relay.closed().await,
            Self::Nowhere => std::future::pending().await,
        }
    }

    /// A hold that does not keep the relay open.
    pub(crate) fn downgrade(&self) -> WeakOutlet {
        match self {
            Self::Relay(relay) => WeakOutlet(Some(relay.downgrade())),
            Self::Nowhere => WeakOutlet(None),
        }
    }
}

/// An [`Outlet`] that does not keep its relay open, so that the client sees when the stream has ended.
#[derive(Debug)]
pub(crate) struct WeakOutlet(Option<mpsc::WeakSender<RelayFrame>>);

impl WeakOutlet {
    /// The relay, while its exchange still holds it.
    pub(crate) fn upgrade(&self) -> Option<Relay> {
        self.0.as_ref()?.upgrade()
    }

    /// Whether this is the way to the same client stream.
    pub(crate) fn is(&self, relay: &Relay) -> bool {
        self.upgrade().is_some_and(|own| own.same_channel(relay))
    }
}
