//! Questions to people in memory.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{Answer, Approval, ApprovalId, ApprovalState, CallDigest, Timestamp};
use placet_engine::ports::{Approvals, Asked, StoreError};

use crate::{Failpoints, PortOperation, failpoint::store_error};

/// Questions in the order they were opened.
#[derive(Debug, Default)]
pub struct MemoryApprovals {
    failpoints: Arc<Failpoints>,
    questions: Mutex<Vec<Approval>>,
}

impl MemoryApprovals {
    /// An empty one that fails when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, questions: Mutex::default() }
    }
}

#[async_trait]
impl Approvals for MemoryApprovals {
    async fn ask(&self, approval: Approval, now: Timestamp, limit: usize) -> Result<Asked, StoreError> {
        self.failpoints
            .pass(PortOperation::ApprovalsAsk, store_error, || {
                let mut questions = self.questions.lock();
                let open = || {
                    questions.iter().filter(|one| one.state == ApprovalState::Pending && one.expires > now)
                };
                if let Some(before) = open().find(|one| one.digest == approval.digest) {
                    return Ok(Asked::Open(before.clone()));
                }
                if open().filter(|one| one.requester.agent == approval.requester.agent).count() >= limit {
                    return Ok(Asked::TooMany);
                }
                questions.push(approval.clone());
                Ok(Asked::Open(approval))
            })
            .await
    }

    async fn of_call(&self, digest: CallDigest) -> Result<Option<Approval>, StoreError> {
        self.failpoints
            .pass(PortOperation::ApprovalsOfCall, store_error, || {
                Ok(self.questions.lock().iter().rfind(|one| one.digest == digest).cloned())
            })
            .await
    }

    async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
        self.failpoints
            .pass(PortOperation::ApprovalsApproval, store_error, || {
                Ok(self.questions.lock().iter().find(|one| one.id == id).cloned())
            })
            .await
    }

    async fn all(&self, limit: usize) -> Result<Vec<Approval>, StoreError> {
        self.failpoints
            .pass(PortOperation::ApprovalsAll, store_error, || {
                Ok(self.questions.lock().iter().rev().take(limit).cloned().collect())
            })
            .await
    }

    async fn answer(
        &self,
        id: ApprovalId,
        approved: bool,
        answer: Answer,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        self.failpoints
            .pass(PortOperation::ApprovalsAnswer, store_error, || {
                let mut questions = self.questions.lock();
                let open = questions.iter_mut().find(|one| {
                    one.id == id && one.state == ApprovalState::Pending && one.expires > answer.at
                });
                let Some(question) = open else { return Ok(false) };
                if approved {
                    question.expires = expires;
                    question.state = ApprovalState::Approved(answer);
                } else {
                    question.state = ApprovalState::Denied(answer);
                }
                Ok(true)
            })
            .await
    }

    async fn claim(&self, id: ApprovalId, now: Timestamp) -> Result<bool, StoreError> {
        self.failpoints
            .pass(PortOperation::ApprovalsClaim, store_error, || {
                let mut questions = self.questions.lock();
                for question in questions.iter_mut().filter(|one| one.id == id && one.expires > now) {
                    if let ApprovalState::Approved(answer) = &question.state {
                        question.state = ApprovalState::Consumed(answer.clone());
                        return Ok(true);
                    }
                }
                Ok(false)
            })
            .await
    }
}
