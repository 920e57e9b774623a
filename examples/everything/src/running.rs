//! Tools that speak while they run: log messages, progress, and a stream that breaks off.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::input::Ask;
use crate::line::{Level, Line};
use crate::message::Fault;
use crate::tools::{Call, text};

pub(crate) async fn logging(call: &Call) -> Result<Value, Fault> {
    call.line.log(Level::Info, "Tool execution started").await;
    sleep(STEP).await;
    call.line.log(Level::Info, "Tool processing data").await;
    sleep(STEP).await;
    call.line.log(Level::Info, "Tool execution completed").await;
    Ok(text("Tool with logging executed"))
}

pub(crate) async fn progress(call: &Call) -> Result<Value, Fault> {
    for progress in [0, 50, 100] {
        if let Some(token) = &call.progress_token {
            let params = json!({ "progressToken": token, "progress": progress, "total": 100 });
            call.line.notify("notifications/progress", &params).await;
        }
        if progress < 100 {
            sleep(STEP).await;
        }
    }
    Ok(text("Tool with progress executed"))
}

/// Drops the connection mid-call; the answer waits for the client to come back (SEP-1699).
pub(crate) async fn reconnection(call: &Call) -> Result<Value, Fault> {
    if let Line::Session { stream, .. } = &call.line {
        sleep(STEP).await;
        stream.hang_up();
        sleep(STEP * 2).await;
    }
    Ok(text("Reconnection test completed"))
}

/// Needs input, and says so on an event stream: never by a request of its own.
pub(crate) async fn streaming_elicitation(call: &Call) -> Result<Value, Fault> {
    if let Some(name) = call.input.form("user_name", "name").and_then(Value::as_str) {
        return Ok(text(format!("Hello, {name}!")));
    }
    let required = call.input.required(&[("user_name", Ask::text("What is your name?", "name"))], None)?;
    call.line.open().await;
    Ok(required)
}

const STEP: Duration = Duration::from_millis(50);
