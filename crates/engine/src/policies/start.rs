//! What holds after a start: the set that held when the program ended, and the policy files if they hold anything else
//! than they did then. So a promotion and a rollback outlive a restart, and an edited file leads.

use std::sync::Arc;

use placet_policy::PolicySource;

use crate::Engine;

use super::{Book, Origin, Promoted, ReloadError, Standing, promote::Change};

impl Engine {
    /// Puts in force what held before the start, then what the files say, if they lead and have changed. `files` is
    /// `None` if they cannot be read.
    ///
    /// # Errors
    /// See [`ReloadError`]; what held before the start is in force all the same, if it could be loaded.
    pub async fn restore_policies(&self, files: Option<Vec<PolicySource>>) -> Result<(), ReloadError> {
        let mut book = self.reloading.lock().await;
        self.look_up_last(&mut book).await?;
        let changed = files.filter(|files| self.do_lead(&book, files));
        if let Err(error) = self.restore_last(&mut book).await {
            tracing::error!(error = %error, "the policies of before the start are not in force");
        }
        let ended = match changed {
            None => Ok(()),
            Some(files) => {
                let sources = Arc::new(files);
                let change =
                    Change { sources, origin: Origin::Files, by: None, approved_by: None, returns_to: None };
                match self.put_in_force(&mut book, change).await {
                    Ok(Promoted { revision, standing: Standing::Candidate(_), .. }) => {
                        Err(ReloadError::Waits { revision, group: self.policy_rules.group.clone() })
                    }
                    Ok(_) => Ok(()),
                    Err(error) => Err(error),
                }
            }
        };
        drop(book);
        self.load_trials().await;
        ended
    }

    /// Whether the files say what is to hold now: nothing has held yet, or they have changed since.
    fn do_lead(&self, book: &Book, files: &[PolicySource]) -> bool {
        match &book.last {
            None => true,
            Some(last) => self.policy_rules.follow_files && last.files != Some(PolicySource::digest(files)),
        }
    }

    async fn restore_last(&self, book: &mut Book) -> Result<(), ReloadError> {
        let Some(last) = &book.last else { return Ok(()) };
        let sources = Arc::new(self.kept_sources(last.revision).await?);
        let change = Change {
            sources,
            origin: Origin::Start,
            by: None,
            approved_by: None,
            returns_to: last.returns_to,
        };
        self.put_in_force(book, change).await.map(drop)
    }
}
