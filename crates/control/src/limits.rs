//! `/v1/limits`: what the counters of limits show.

use std::sync::Arc;

use axum::extract::State;
use placet_engine::Counter;
use serde::{Deserialize, Serialize};

use crate::{Control, answer::Answer, argument::Asked};

/// Counters in one answer.
const COUNTERS: usize = 1_000;

/// A counter as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct CounterView {
    limit: String,
    /// For whom it counts; empty if all calls share it.
    of: String,
    used: String,
    /// How much it may show in which window; absent for a usage, which only counts.
    most: Option<String>,
    left: Option<String>,
    /// When something of it counts no more.
    next_end: String,
    counter: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct CounterList {
    counters: Vec<CounterView>,
    /// Counters that are kept, shown here or not.
    kept: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    limit: Option<String>,
}

pub(crate) async fn list(
    State(control): State<Arc<Control>>,
    Asked(filter): Asked<Filter>,
) -> Answer<CounterList> {
    let counters = control.engine.counters(filter.limit.as_deref(), COUNTERS).into_iter().map(view).collect();
    let kept = control.engine.counter_count();
    Answer::new("placet/v1/limits", CounterList { counters, kept })
}

fn view(counter: Counter) -> CounterView {
    CounterView {
        limit: counter.meter.to_string(),
        of: counter.of,
        used: counter.used.to_string(),
        most: counter.rate.map(|rate| rate.to_string()),
        left: counter.rate.map(|rate| rate.most.less(counter.used).to_string()),
        next_end: counter.next_end.to_string(),
        counter: counter.key.to_string(),
    }
}
