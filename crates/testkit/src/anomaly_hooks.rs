//! Anomaly hooks whose answers tests choose.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::Object;
use placet_engine::ports::{AnomalyHooks, HookError, HookQuestion, HookReply};

/// Finds nothing until a test says otherwise, and remembers what it was asked.
#[derive(Debug, Default)]
pub struct FakeAnomalyHooks {
    answers: Mutex<HashMap<String, Option<HookReply>>>,
    asked: Mutex<Vec<Object>>,
}

impl FakeAnomalyHooks {
    /// What the one of this name answers from now on; `None` for no answer.
    pub fn answers(&self, name: &str, answer: Option<(u8, bool)>) {
        let reply =
            answer.map(|(points, vetoes)| HookReply { points, vetoes, why: "it looks odd".to_owned() });
        self.answers.lock().insert(name.to_owned(), reply);
    }

    /// The questions, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Object> {
        self.asked.lock().clone()
    }
}

#[async_trait]
impl AnomalyHooks for FakeAnomalyHooks {
    async fn ask(&self, name: &str, question: HookQuestion) -> Result<HookReply, HookError> {
        self.asked.lock().push(question.body);
        let nothing = HookReply { points: 0, vetoes: false, why: String::new() };
        let answer = self.answers.lock().get(name).cloned().unwrap_or(Some(nothing));
        answer.ok_or_else(|| HookError("it takes longer than 250 ms".to_owned()))
    }
}
