//! Metrics of the data path. Labels are connectors, verdicts and codes: never agents, instances or arguments.

use std::time::Duration;

use placet_domain::ConnectorName;
use placet_engine::{Attempt, Reply};
use tracing::Span;

/// The span of one call. Its steps are spans of the engine; arguments are in neither.
pub(crate) fn call(attempt: &Attempt) -> Span {
    let operation = attempt.call.as_ref().map_or("unread", |call| call.operation().name());
    tracing::debug_span!("call", connector = %attempt.connector, operation)
}

/// Counts a finished call.
pub(crate) fn finished(connector: &ConnectorName, reply: &Reply, elapsed: Duration) {
    let result = match reply {
        Reply::Answered { .. } => "answered".to_owned(),
        Reply::Refused { refusal, .. } => refusal.code.to_string(),
    };
    let connector = connector.to_string();
    metrics::counter!("placet_calls_total", "connector" => connector.clone(), "result" => result)
        .increment(1);
    metrics::histogram!("placet_call_seconds", "connector" => connector).record(elapsed.as_secs_f64());
}

/// Counts a request that nobody we know sent.
pub(crate) fn stranger(code: placet_domain::Code) {
    metrics::counter!("placet_strangers_total", "code" => code.to_string()).increment(1);
}

/// Tells how many counters of limits are kept.
pub(crate) fn counters(kept: usize) {
    metrics::gauge!("placet_limit_counters").set(u32::try_from(kept).unwrap_or(u32::MAX));
}
