//! A call under way. The response that waits for it drives it, without a task in between. If the client hangs up,
//! the call goes on by itself: no call is left without its outcome receipt.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use placet_domain::{Code, Refusal};
use placet_engine::Reply;

/// A call that has not ended. Awaiting it gives its reply, once.
pub(crate) struct Underway(Option<Pin<Box<dyn Future<Output = Reply> + Send>>>);

impl Underway {
    pub(crate) fn new(call: impl Future<Output = Reply> + Send + 'static) -> Self {
        Self(Some(Box::pin(call)))
    }
}

impl Future for Underway {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let Some(call) = self.0.as_mut() else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        let reply = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(reply)) => reply,
            Err(_) => {
                tracing::error!("a call ended without a reply");
                let refusal =
                    Refusal::new(Code::OutcomeUnknown, "the gateway failed while handling the call");
                Reply::Refused { refusal, receipts: None }
            }
        };
        self.0 = None;
        Poll::Ready(reply)
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if let (Some(call), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn refusal() -> Reply {
        Reply::Refused { refusal: Refusal::new(Code::NotJudged, "x"), receipts: None }
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_any_more_still_ends() {
        let (begin, begun) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel::<()>();
        let mut call = Underway::new(async move {
            begun.await.unwrap();
            end.send(()).unwrap();
            refusal()
        });
        assert!(futures_poll(&mut call).is_pending());
        drop(call);
        begin.send(()).unwrap();
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_a_refusal() {
        let reply = Underway::new(async { panic!("a defect") }).await;
        assert!(matches!(reply, Reply::Refused { refusal, .. } if refusal.code == Code::OutcomeUnknown));
    }

    fn futures_poll(call: &mut Underway) -> Poll<Reply> {
        Pin::new(call).poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
