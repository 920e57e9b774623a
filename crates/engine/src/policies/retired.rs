//! Rules that judge no more. Taking thousands of policies apart takes longer than judging a call, so no call does it.

use std::{sync::Arc, time::Duration};

/// How often it is looked whether the last call under old rules has been judged.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until nobody else holds it and takes it apart on a thread that no call waits for.
pub(super) fn retire<T: Send + Sync + 'static>(rules: Arc<T>) {
    tokio::spawn(async move {
        while Arc::strong_count(&rules) > 1 {
            tokio::time::sleep(LOOK).await;
        }
        tokio::task::spawn_blocking(move || drop(rules));
    });
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{self, Sender},
        thread::{self, ThreadId},
    };

    use super::*;

    /// Tells which thread took it apart.
    struct Rules(Sender<ThreadId>);

    impl Drop for Rules {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }

    #[tokio::test]
    async fn the_last_call_under_old_rules_does_not_take_them_apart() {
        let (apart, taken) = mpsc::channel();
        let rules = Arc::new(Rules(apart));
        let held_by_a_call = Arc::clone(&rules);
        retire(rules);
        tokio::time::sleep(LOOK * 2).await;
        assert!(taken.try_recv().is_err());
        drop(held_by_a_call);
        assert!(taken.try_recv().is_err());
        let by = tokio::task::spawn_blocking(move || taken.recv().unwrap()).await.unwrap();
        assert_ne!(by, thread::current().id());
    }
}
