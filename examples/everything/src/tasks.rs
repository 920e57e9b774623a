//! The tasks of the extension `io.modelcontextprotocol/tasks` (SEP-2663): `tasks/get`, `tasks/update`, `tasks/cancel`.
//! A task is here before its creation is told, and stays for its `ttlMs`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::input::{Ask, Input};
use crate::message::{Fault, Object};
use crate::seal::token;

#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    all: Arc<Mutex<HashMap<String, Task>>>,
}

impl Tasks {
    /// Starts `job` as a task and tells of its creation.
    pub(crate) fn start<Job>(&self, job: impl FnOnce(Handle) -> Job) -> Result<Value, Fault>
    where
        Job: Future<Output = Result<Value, Fault>> + Send + 'static,
    {
        let id = token()?;
        let mut all = self.all.lock();
        all.retain(|_, task| task.started.elapsed() < TTL);
        let task = Task::new();
        let mut created = task.summary(&id);
        created.insert("resultType".into(), "task".into());
        let handle = Handle { tasks: self.clone(), id: id.clone(), answered: Arc::clone(&task.answered) };
        all.insert(id.clone(), task);
        let tasks = self.clone();
        let job = job(handle);
        let running = tokio::spawn({
            let id = id.clone();
            async move {
                let end = job.await;
                tasks.change(&id, |task| {
                    task.state = end.map_or_else(State::Failed, State::Completed);
                });
            }
        });
        if let Some(task) = all.get_mut(&id) {
            task.job = Some(running.abort_handle());
        }
        Ok(Value::Object(created))
    }

    /// `tasks/get`: the task with its result, its error or its open questions.
    pub(crate) fn detail(&self, id: &str) -> Result<Value, Fault> {
        let all = self.all.lock();
        let task = all.get(id).ok_or_else(|| unknown(id))?;
        let mut detail = task.summary(id);
        match &task.state {
            State::Working | State::Cancelled => {}
            State::InputRequired { open, .. } => {
                detail.insert("inputRequests".into(), Value::Object(open.clone()));
            }
            State::Completed(result) => {
                detail.insert("result".into(), result.clone());
            }
            State::Failed(fault) => {
                detail.insert("error".into(), fault.to_json());
            }
        }
        Ok(Value::Object(detail))
    }

    /// `tasks/cancel`: acknowledged for a task in any state.
    pub(crate) fn cancel(&self, id: &str) -> Result<Value, Fault> {
        self.known(id)?;
        self.change(id, |task| {
            if let Some(job) = &task.job {
                job.abort();
            }
            task.state = State::Cancelled;
        });
        Ok(json!({}))
    }

    /// `tasks/update`: answers to open questions; others are ignored.
    pub(crate) fn answer(&self, id: &str, answers: &Object) -> Result<Value, Fault> {
        self.known(id)?;
        self.change(id, |task| {
            let State::InputRequired { open, given } = &mut task.state else { return };
            for (key, answer) in answers {
                if open.remove(key).is_some() {
                    given.insert(key.clone(), answer.clone());
                }
            }
            if open.is_empty() {
                task.answers = std::mem::take(given);
                task.state = State::Working;
                task.answered.notify_one();
            }
        });
        Ok(json!({}))
    }

    fn known(&self, id: &str) -> Result<(), Fault> {
        if self.all.lock().contains_key(id) { Ok(()) } else { Err(unknown(id)) }
    }

    /// Changes a task, unless it has ended: a terminal state is final.
    fn change(&self, id: &str, change: impl FnOnce(&mut Task)) {
        let mut all = self.all.lock();
        if let Some(task) = all.get_mut(id).filter(|task| !task.state.is_terminal()) {
            change(task);
            task.updated = now();
        }
    }
}

/// What a running job can do with its own task.
#[derive(Debug)]
pub(crate) struct Handle {
    tasks: Tasks,
    id: String,
    answered: Arc<Notify>,
}

impl Handle {
    /// Parks the task until every question is answered.
    pub(crate) async fn ask(&self, questions: &[(&str, Ask)]) -> Result<Input, Fault> {
        let open = questions.iter().map(|(key, ask)| ((*key).to_owned(), ask.to_json())).collect();
        self.tasks.change(&self.id, |task| {
            task.state = State::InputRequired { open, given: Object::new() };
        });
        self.answered.notified().await;
        let mut answers = Object::new();
        self.tasks.change(&self.id, |task| answers = std::mem::take(&mut task.answers));
        let mut params = Object::from_iter([("inputResponses".to_owned(), Value::Object(answers))]);
        Input::take(&mut params, json!({}))
    }
}

#[derive(Debug)]
struct Task {
    state: State,
    answers: Object,
    answered: Arc<Notify>,
    started: Instant,
    created: String,
    updated: String,
    job: Option<AbortHandle>,
}

impl Task {
    fn new() -> Self {
        let created = now();
        Self {
            state: State::Working,
            answers: Object::new(),
            answered: Arc::default(),
            started: Instant::now(),
            updated: created.clone(),
            created,
            job: None,
        }
    }

    fn summary(&self, id: &str) -> Object {
        Object::from_iter([
            ("taskId".to_owned(), id.into()),
            ("status".to_owned(), self.state.name().into()),
            ("createdAt".to_owned(), self.created.clone().into()),
            ("lastUpdatedAt".to_owned(), self.updated.clone().into()),
            ("ttlMs".to_owned(), TTL_MILLISECONDS.into()),
            ("pollIntervalMs".to_owned(), POLL_MILLISECONDS.into()),
        ])
    }
}

#[derive(Debug)]
enum State {
    Working,
    InputRequired { open: Object, given: Object },
    Completed(Value),
    Failed(Fault),
    Cancelled,
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired { .. } => "input_required",
            Self::Completed(_) => "completed",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn is_terminal(&self) -> bool {
        match self {
            Self::Working | Self::InputRequired { .. } => false,
            Self::Completed(_) | Self::Failed(_) | Self::Cancelled => true,
        }
    }
}

fn unknown(id: &str) -> Fault {
    Fault::invalid_params(format!("there is no task `{id}`"))
}

#[expect(clippy::disallowed_methods, reason = "the fixture is a program of its own, with no clock port")]
fn now() -> String {
    jiff::Timestamp::now().to_string()
}

const TTL_MILLISECONDS: u64 = 300_000;
const TTL: Duration = Duration::from_millis(TTL_MILLISECONDS);
const POLL_MILLISECONDS: u64 = 100;
