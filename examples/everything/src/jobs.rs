//! Tools that run as tasks (SEP-2663). The server decides: a client only says that it understands tasks.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::era::TASKS;
use crate::input::Ask;
use crate::message::{Fault, INTERNAL_ERROR};
use crate::server::Server;
use crate::stateless::declares_tasks;
use crate::tasks::Handle;
use crate::tools::{Call, failure, text};

/// Runs in the call itself when the client knows no tasks.
pub(crate) async fn slow_compute(server: &Server, call: &Call) -> Result<Value, Fault> {
    let seconds = call.arguments.get("seconds").and_then(Value::as_u64).unwrap_or(0).min(MAX_SECONDS);
    let label = call.text("label").to_owned();
    let compute = async move {
        sleep(Duration::from_secs(seconds)).await;
        text(format!("Computed {label} in {seconds} s"))
    };
    if declares_tasks(&call.input.capabilities) {
        server.tasks.start(|_| async { Ok(compute.await) })
    } else {
        Ok(compute.await)
    }
}

/// Tools that run as tasks only.
pub(crate) fn start(server: &Server, call: &Call) -> Result<Value, Fault> {
    if !declares_tasks(&call.input.capabilities) {
        return Err(Fault::missing_capability(json!({ "extensions": { TASKS: {} } })));
    }
    match call.name.as_str() {
        "failing_job" => server.tasks.start(|_| async {
            sleep(Duration::from_secs(1)).await;
            Ok(failure("The job failed"))
        }),
        "protocol_error_job" => {
            server.tasks.start(|_| async { Err(Fault::new(INTERNAL_ERROR, "the job broke down")) })
        }
        "confirm_delete" => {
            let file = call.text("filename").to_owned();
            server.tasks.start(|task| confirm_delete(task, file))
        }
        "multi_input" => server.tasks.start(multi_input),
        "test_tool_with_task" => match call.input.form("user_name", "name").and_then(Value::as_str) {
            Some(name) => {
                let name = name.to_owned();
                server.tasks.start(|_| async move { Ok(text(format!("Hello, {name}!"))) })
            }
            None => call.input.required(&[("user_name", Ask::text("What is your name?", "name"))], None),
        },
        unknown => Err(Fault::invalid_params(format!("there is no tool `{unknown}`"))),
    }
}

async fn confirm_delete(task: Handle, file: String) -> Result<Value, Fault> {
    let question = Ask::confirmation(&format!("Delete {file}?"), "confirm");
    let answers = task.ask(&[("confirm", question)]).await?;
    let confirmed = answers.form("confirm", "confirm") == Some(&Value::Bool(true));
    Ok(text(if confirmed { format!("Deleted {file}") } else { format!("Kept {file}") }))
}

async fn multi_input(task: Handle) -> Result<Value, Fault> {
    let questions = [("first", Ask::text("First?", "value")), ("second", Ask::text("Second?", "value"))];
    task.ask(&questions).await?;
    Ok(text("Both inputs arrived"))
}

const MAX_SECONDS: u64 = 300;
