//! The host's metrics, in the format of Prometheus.
//!
//! Counters are in memory and begin at 0 at each start, as Prometheus expects. Nothing that would need a scan of the
//! store is a metric, so that a scrape costs the same however many runs sleep. The store counts runs by status as they
//! change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dormouse_api::call_error_code;
use dormouse_journal::{CallError, Response, Status};
use dormouse_runtime::Commits;
use http::{Method, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::health::Degraded;
use crate::log::Lines;

/// The media type of the result of [`Metrics::encode`].
pub const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The host's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    runs_started: Counter,
    runs: Family<StatusLabels, Gauge>,
    hooks: Family<AnsweredLabels, Counter>,
    triggers: Family<AnsweredLabels, Counter>,
    calls: Family<AttemptedLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    heads_refused: Family<RefusedLabels, Counter>,
    turned_away: Counter,
    active: Gauge,
    warm: Gauge,
    held: Gauge,
    inbox_bytes: Gauge,
    commits: Counter,
    writes: Counter,
    memory: Family<ShareLabels, Gauge>,
    clock_step: Gauge<f64, AtomicU64>,
    clock_steps: Counter,
    log: Lines,
    log_dropped: Counter,
    degraded: Family<WhatLabels, Gauge>,
    paused: Family<WhatLabels, Gauge>,
    commit_rows_max: Gauge,
    commit_bytes_max: Gauge,
}

/// The present values of metrics that are measured when they are asked for.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// The number of executing instances.
    pub active: usize,
    /// The number of warm instances.
    pub warm: usize,
    /// The number of callers of webhooks that are held until their workflows have answered.
    pub held: usize,
    /// The number of runs with each status. None if the store cannot be read; then the previous values are shown.
    pub runs: Option<BTreeMap<Status, u64>>,
    /// The number of bytes in all inboxes. None if the store cannot be read; then the previous value is shown.
    pub inbox_bytes: Option<u64>,
    /// What was made durable since the host started.
    pub commits: Commits,
    /// The bytes that are taken of each part of the budget of memory.
    pub memory: [(&'static str, u64); 3],
    /// How far the machine's clock is ahead of the host's dates, in milliseconds.
    pub clock_ahead: i64,
    /// The number of times that the machine's clock was set since the host started.
    pub clock_steps: u64,
    /// The parts of the host that do not work properly.
    pub degraded: Vec<Degraded>,
    /// The number of hosts, workflows and runs that are paused themselves.
    pub paused: [(&'static str, u64); 3],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnsweredLabels {
    outcome: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhatLabels {
    what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShareLabels {
    part: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptedLabels {
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Outcome {
    Status(u16),
    Error(&'static str),
    Withheld,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

impl Metrics {
    /// Counts an answered request to a webhook, by its outcome (`accepted`, or the code of the problem) and status.
    pub fn hook_answered(&self, outcome: &'static str, status: StatusCode) {
        self.hooks
            .get_or_create(&AnsweredLabels {
                outcome,
                status: status.as_u16(),
            })
            .inc();
    }

    /// Counts an answered request to a trigger, by its outcome (`started`, or the code of the problem) and status.
    pub fn trigger_answered(&self, outcome: &'static str, status: StatusCode) {
        self.triggers
            .get_or_create(&AnsweredLabels {
                outcome,
                status: status.as_u16(),
            })
            .inc();
    }

    /// Counts a request that was refused because of its head, before any route saw it: with this problem, or by the
    /// library that reads heads.
    pub fn head_refused(&self, reason: &'static str) {
        self.heads_refused
            .get_or_create(&RefusedLabels { reason })
            .inc();
    }

    /// Counts a connection that was closed at once, because its client had too many.
    pub fn connection_turned_away(&self) {
        self.turned_away.inc();
    }

    /// Counts a run that was started.
    pub fn run_started(&self) {
        self.runs_started.inc();
    }

    /// Counts an attempt at an outbound call that has ended.
    pub fn call_attempted(&self, result: &Result<Response, CallError>) {
        let outcome = match result {
            Ok(response) => Outcome::Status(response.status),
            Err(error) => Outcome::Error(call_error_code(error)),
        };
        self.call_came_to(outcome);
    }

    /// Counts an attempt at an outbound call that was not sent, because it needs a secret that may not be sent there.
    pub fn call_withheld(&self) {
        self.call_came_to(Outcome::Withheld);
    }

    fn call_came_to(&self, outcome: Outcome) {
        self.calls.get_or_create(&AttemptedLabels { outcome }).inc();
    }

    /// Counts an answered request to the API. `route` is the pattern of the path, so that ids do not create new series.
    pub fn request_answered(&self, method: &Method, route: &str, status: StatusCode) {
        let labels = RequestLabels {
            method: if is_known(method) {
                method.as_str()
            } else {
                "other"
            }
            .to_owned(),
            route: route.to_owned(),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Returns all metrics as text.
    #[must_use]
    pub fn encode(&self, moment: Moment) -> String {
        let Moment {
            active,
            warm,
            held,
            runs,
            inbox_bytes,
            commits,
            memory,
            clock_ahead,
            clock_steps,
            degraded,
            paused,
        } = moment;
        for (what, number) in paused {
            let gauge = self.paused.get_or_create(&WhatLabels { what });
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        for what in Degraded::ALL {
            self.degraded
                .get_or_create(&WhatLabels { what: what.name() })
                .set(i64::from(degraded.contains(&what)));
        }
        for (gauge, number) in [
            (&self.active, active),
            (&self.warm, warm),
            (&self.held, held),
        ] {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        if let Some(runs) = runs {
            for status in Status::ALL {
                let count = runs.get(&status).copied().unwrap_or_default();
                let labels = StatusLabels {
                    status: status.as_str(),
                };
                let gauge = self.runs.get_or_create(&labels);
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        if let Some(bytes) = inbox_bytes {
            self.inbox_bytes
                .set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        // The store only increases these counters.
        self.commits
            .inner()
            .store(commits.groups, Ordering::Relaxed);
        self.writes.inner().store(commits.writes, Ordering::Relaxed);
        for (part, bytes) in memory {
            let gauge = self.memory.get_or_create(&ShareLabels { part });
            gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        self.clock_steps
            .inner()
            .store(clock_steps, Ordering::Relaxed);
        self.clock_step.set(seconds(clock_ahead));
        self.log_dropped
            .inner()
            .store(self.log.dropped(), Ordering::Relaxed);
        for (gauge, most) in [
            (&self.commit_rows_max, commits.rows_max),
            (&self.commit_bytes_max, commits.bytes_max),
        ] {
            gauge.set(i64::try_from(most).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Metrics {
    /// Creates metrics that begin at 0. `log` are the lines of the host's log.
    #[must_use]
    pub fn new(log: Lines) -> Self {
        let mut registry = Registry::with_prefix("dormouse");
        registry.register(
            "build",
            "The release that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let runs_started = Counter::default();
        registry.register("runs_started", "Runs started", runs_started.clone());
        let runs = Family::default();
        registry.register("runs", "Runs that there are, by status", runs.clone());
        let hooks = Family::default();
        registry.register(
            "hook_requests",
            "Requests to webhooks, by what came of them and the answer's status",
            hooks.clone(),
        );
        let triggers = Family::default();
        registry.register(
            "trigger_requests",
            "Requests to triggers, by what came of them and the answer's status",
            triggers.clone(),
        );
        let calls = Family::default();
        registry.register(
            "call_attempts",
            "Attempts at outbound calls, by what came of them",
            calls.clone(),
        );
        let requests = Family::default();
        registry.register("api_requests", "Requests to the API", requests.clone());
        let heads_refused = Family::default();
        registry.register(
            "heads_refused",
            "Requests refused by their heads, before it was looked at what they ask for",
            heads_refused.clone(),
        );
        let turned_away = Counter::default();
        registry.register(
            "connections_turned_away",
            "Connections ended at once, since their client had a quarter of all",
            turned_away.clone(),
        );
        let active = Gauge::default();
        registry.register("instances_active", "Runs being executed", active.clone());
        let warm = Gauge::default();
        registry.register(
            "instances_warm",
            "Runs asleep with their instance kept",
            warm.clone(),
        );
        let held = Gauge::default();
        registry.register(
            "hook_callers_held",
            "Callers of webhooks held until their workflows have answered",
            held.clone(),
        );
        let inbox_bytes = Gauge::default();
        registry.register(
            "inbox_bytes",
            "Size of all requests that webhooks accepted and no wait has taken",
            inbox_bytes.clone(),
        );
        let commits = Counter::default();
        registry.register(
            "commits",
            "Transactions made durable, each with one disk sync",
            commits.clone(),
        );
        let writes = Counter::default();
        registry.register(
            "writes",
            "What these transactions wrote: activations, requests accepted, starts and the like",
            writes.clone(),
        );
        let memory = Family::default();
        registry.register(
            "memory_taken_bytes",
            "What is taken of the budget of memory, by its parts",
            memory.clone(),
        );
        let clock_step = Gauge::default();
        registry.register(
            "clock_step_seconds",
            "How far the machine's clock is ahead of the host's dates, which do not step with it",
            clock_step.clone(),
        );
        let clock_steps = Counter::default();
        registry.register(
            "clock_steps",
            "How often the machine's clock was set",
            clock_steps.clone(),
        );
        let degraded = Family::default();
        registry.register(
            "degraded",
            "1 for what does not work as it should, while the host goes on",
            degraded.clone(),
        );
        let paused = Family::default();
        registry.register(
            "paused",
            "How many workflows and runs are paused by themselves, and 1 for a host that is",
            paused.clone(),
        );
        let log_dropped = Counter::default();
        registry.register(
            "log_lines_dropped",
            "Lines of the log that were dropped, since whoever reads it was too slow",
            log_dropped.clone(),
        );
        let commit_rows_max = Gauge::default();
        registry.register(
            "commit_rows_max",
            "The most rows that one transaction has written or removed",
            commit_rows_max.clone(),
        );
        let commit_bytes_max = Gauge::default();
        registry.register(
            "commit_bytes_max",
            "The most bytes of rows that one transaction has written",
            commit_bytes_max.clone(),
        );
        Metrics {
            registry: Arc::new(registry),
            runs_started,
            runs,
            hooks,
            triggers,
            calls,
            requests,
            heads_refused,
            turned_away,
            active,
            warm,
            held,
            inbox_bytes,
            commits,
            writes,
            memory,
            clock_step,
            clock_steps,
            log,
            log_dropped,
            degraded,
            paused,
            commit_rows_max,
            commit_bytes_max,
        }
    }
}

/// Returns milliseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a difference of clocks, for people"
)]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new(Lines::default())
    }
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Outcome::Status(status) => write!(encoder, "{status}"),
            Outcome::Error(name) => encoder.write_str(name),
            // Counted separately from calls that the egress policy denies, because somebody may want to grant the use.
            Outcome::Withheld => encoder.write_str("secret-denied"),
        }
    }
}

/// Returns true for a known method. A client can send any word as a method, and each word would be a new series.
fn is_known(method: &Method) -> bool {
    [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ]
    .contains(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_requests_are_shown() {
        let metrics = Metrics::default();
        let clone = metrics.clone();
        clone.run_started();
        metrics.hook_answered("accepted", StatusCode::ACCEPTED);
        metrics.hook_answered("accepted", StatusCode::ACCEPTED);
        metrics.call_attempted(&Err(CallError::TimedOut));
        metrics.call_withheld();
        metrics.request_answered(&Method::GET, "/v1/runs/{id}", StatusCode::OK);
        metrics.head_refused("invalid-host");
        metrics.connection_turned_away();
        let moment = Moment {
            active: 2,
            warm: 3,
            held: 4,
            runs: Some([(Status::Suspended, 11)].into()),
            inbox_bytes: Some(5),
            commits: Commits {
                groups: 6,
                writes: 7,
                rows_max: 8,
                bytes_max: 9,
            },
            memory: [("requests", 1), ("calls", 2), ("guests", 3)],
            clock_ahead: -1_500,
            clock_steps: 8,
            degraded: vec![Degraded::Log],
            paused: [("host", 0), ("workflows", 2), ("runs", 5)],
        };
        let text = metrics.encode(moment);
        for line in [
            "dormouse_build_info{version=\"0.1.0\"} 1",
            "dormouse_runs_started_total 1",
            "dormouse_runs{status=\"suspended\"} 11",
            "dormouse_runs{status=\"failed\"} 0",
            "dormouse_hook_requests_total{outcome=\"accepted\",status=\"202\"} 2",
            "dormouse_call_attempts_total{outcome=\"timed-out\"} 1",
            "dormouse_call_attempts_total{outcome=\"secret-denied\"} 1",
            "dormouse_api_requests_total{method=\"GET\",route=\"/v1/runs/{id}\",status=\"200\"} 1",
            "dormouse_heads_refused_total{reason=\"invalid-host\"} 1",
            "dormouse_connections_turned_away_total 1",
            "dormouse_instances_active 2",
            "dormouse_instances_warm 3",
            "dormouse_hook_callers_held 4",
            "dormouse_inbox_bytes 5",
            "dormouse_commits_total 6",
            "dormouse_writes_total 7",
            "dormouse_memory_taken_bytes{part=\"guests\"} 3",
            "dormouse_clock_step_seconds -1.5",
            "dormouse_clock_steps_total 8",
            "dormouse_log_lines_dropped_total 0",
            "dormouse_degraded{what=\"log\"} 1",
            "dormouse_degraded{what=\"disk-full\"} 0",
            "dormouse_paused{what=\"workflows\"} 2",
            "dormouse_commit_rows_max 8",
            "dormouse_commit_bytes_max 9",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
    }

    #[test]
    fn counts_that_the_store_cannot_return_are_shown_as_before() {
        let metrics = Metrics::default();
        let with = |inbox_bytes| {
            metrics.encode(Moment {
                inbox_bytes,
                ..Moment::default()
            })
        };
        assert!(with(Some(7)).contains("dormouse_inbox_bytes 7\n"));
        assert!(with(None).contains("dormouse_inbox_bytes 7\n"));
        assert!(with(Some(0)).contains("dormouse_inbox_bytes 0\n"));
    }
}
