//! Decision points of others, whose answers tests choose.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::Object;
use placet_engine::ports::{DecisionPointError, DecisionPoints};

/// Agrees until a test says otherwise, and remembers what it was asked.
#[derive(Debug, Default)]
pub struct FakeDecisionPoints {
    answers: Mutex<HashMap<String, Option<bool>>>,
    asked: Mutex<Vec<Object>>,
}

impl FakeDecisionPoints {
    /// What the one of this name answers from now on; `None` for no answer.
    pub fn answers(&self, name: &str, answer: Option<bool>) {
        self.answers.lock().insert(name.to_owned(), answer);
    }

    /// The questions, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Object> {
        self.asked.lock().clone()
    }
}

#[async_trait]
impl DecisionPoints for FakeDecisionPoints {
    async fn ask(&self, name: &str, question: Object) -> Result<bool, DecisionPointError> {
        self.asked.lock().push(question);
        let answer = self.answers.lock().get(name).copied().unwrap_or(Some(true));
        answer.ok_or_else(|| DecisionPointError("it takes longer than 250 ms".to_owned()))
    }
}
