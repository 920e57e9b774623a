//! Logs, traces, metrics. Logs go to standard error; traces only where `OTEL_EXPORTER_OTLP_ENDPOINT` says.

use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// What has to be flushed at the end.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Renders `/metrics`.
pub(crate) type Render = Arc<dyn Fn() -> String + Send + Sync>;

impl Telemetry {
    /// Starts logging from this level on unless `PLACET_LOG` says otherwise, and tracing where the environment asks
    /// for it.
    pub(crate) fn start(json: bool, level: &str) -> Self {
        let filter = EnvFilter::try_from_env("PLACET_LOG").unwrap_or_else(|_| EnvFilter::new(level));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
        let lines = if json { lines.json().boxed() } else { lines.boxed() };
        let traces = provider();
        let spans = traces.as_ref().map(|provider| {
            let ours =
                Targets::new().with_target("placet", tracing::Level::DEBUG).with_default(LevelFilter::OFF);
            tracing_opentelemetry::layer().with_tracer(provider.tracer("placet")).with_filter(ours)
        });
        // A second start in one process (tests) keeps the first.
        let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).try_init();
        Self { traces }
    }

    /// Sends what is still buffered.
    pub(crate) fn flush(&self) {
        if let Some(provider) = &self.traces
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

fn provider() -> Option<SdkTracerProvider> {
    std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    match opentelemetry_otlp::SpanExporter::builder().with_http().build() {
        Ok(exporter) => Some(SdkTracerProvider::builder().with_batch_exporter(exporter).build()),
        Err(error) => {
            // Not fatal: what is judged and recorded does not depend on traces.
            tracing::warn!(%error, "traces are not exported");
            None
        }
    }
}

/// Tells how policies on trial went, as totals since the start.
pub(crate) fn count_trials(tried: placet_engine::TriedCounts) {
    let placet_engine::TriedCounts { same, differing, failed } = tried;
    for (result, count) in [("same", same), ("differing", differing), ("failed", failed)] {
        metrics::counter!("placet_policy_trials_total", "result" => result).absolute(count);
    }
}

/// Starts counting; returns what renders the counts (Prometheus text format).
pub(crate) fn metrics() -> Render {
    let buckets = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets);
    let Ok(builder) = builder else { return Arc::new(String::new) };
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // A second start in one process (tests) keeps the first.
    let _ = metrics::set_global_recorder(recorder);
    Arc::new(move || handle.render())
}
