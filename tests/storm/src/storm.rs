//! Runs a storm: a quiet period to compare with, each act alone, several acts at once, and the checks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::acts::{Act, ActContext};
use crate::faults::FaultLog;
use crate::neighbours::{Counts, Kind, Neighbourhood};
use crate::rng::SeededRng;
use crate::samples::Samples;
use crate::sleepers::Sleepers;
use crate::time::{Moment, pause};

/// The duration of the quiet period with which the rest is compared, if the storm is long enough.
const QUIET_PERIOD: Duration = Duration::from_secs(20);

/// The pause after an act, so that its effects do not count against the next act.
const REST: Duration = Duration::from_millis(1_500);

/// The number of acts at the same time.
const LANES: u64 = 3;

/// The neighbours. The first one is measured.
const NEIGHBOURS: [Kind; 5] = [
    kind("the measured neighbour", false, true, 1, 10),
    kind("a neighbour", false, false, 2, 100),
    kind("a second neighbour", false, false, 2, 100),
    kind("a signed neighbour", true, false, 2, 100),
    kind("a second signed neighbour", true, false, 2, 100),
];

const fn kind(name: &'static str, signed: bool, answers: bool, callers: usize, every: u64) -> Kind {
    Kind {
        name,
        signed,
        answers,
        callers,
        every: Duration::from_millis(every),
    }
}

/// An act that was done, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Performed {
    pub(crate) act: Act,
    pub(crate) span: (Moment, Moment),
    /// True if no other act was done at the time.
    pub(crate) alone: bool,
}

/// The events of the storm.
#[derive(Debug, Default)]
pub(crate) struct StormResults {
    pub(crate) samples: Samples,
    pub(crate) counts: Counts,
    pub(crate) quiet_period: Option<(Moment, Moment)>,
    performed: Mutex<Vec<Performed>>,
    pub(crate) sleepers: usize,
    pub(crate) latest_sleeper: Duration,
}

impl StormResults {
    /// Returns the acts that were done, with their times.
    pub(crate) fn performed(&self) -> Vec<Performed> {
        self.performed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Runs the storm for this long, and then checks what the host did.
pub(crate) fn run_storm(
    context: &ActContext<'_>,
    acts: &[Act],
    seed: u64,
    lasts: Duration,
) -> StormResults {
    let mut results = StormResults::default();
    let sleepers = Sleepers::default();
    let over = AtomicBool::new(false);
    let watched = AtomicBool::new(false);
    let quiet_period = thread::scope(|scope| {
        let neighbourhood = Neighbourhood {
            host: context.host,
            fault_log: context.fault_log,
            samples: &results.samples,
            counts: &results.counts,
            over: &over,
        };
        let mut lives: Vec<_> = NEIGHBOURS
            .map(|kind| scope.spawn(move || neighbourhood.live(kind)))
            .into();
        let (sleepers, over, watched) = (&sleepers, &over, &watched);
        lives.push(scope.spawn(move || {
            let rng = SeededRng::new(seed, 1);
            sleepers.start(context.host, context.service, context.fault_log, over, rng);
        }));
        scope.spawn(move || {
            while !watched.load(Ordering::Relaxed) {
                context.host.watch(context.fault_log);
                pause(Duration::from_millis(200));
            }
        });
        let quiet_period = perform(context, &results, acts, seed, lasts);
        context
            .fault_log
            .progress("the storm is over; what was accepted must come, and who sleeps must wake");
        over.store(true, Ordering::Relaxed);
        for life in lives {
            if life.join().is_err() {
                context
                    .fault_log
                    .fault("a part of the storm panicked".into());
            }
        }
        watched.store(true, Ordering::Relaxed);
        quiet_period
    });
    results.quiet_period = Some(quiet_period);
    if !context.is_interrupted() {
        (results.sleepers, results.latest_sleeper) =
            sleepers.check(context.host, context.service, context.fault_log);
        check_readiness(context.host.until_ready(), "at the end", context.fault_log);
        if let Some(kills @ 1..) = context.host.memory_kills() {
            context.fault_log.progress(&format!(
                "the system ended {kills} processes for want of memory"
            ));
        }
    }
    results
}

/// Waits for the quiet period, and does each act alone and several acts at once. Returns the time of the quiet period.
fn perform(
    context: &ActContext<'_>,
    results: &StormResults,
    acts: &[Act],
    seed: u64,
    lasts: Duration,
) -> (Moment, Moment) {
    let end = Moment::now().after(lasts);
    let alone_until = Moment::now().after(lasts * 6 / 10);
    context
        .fault_log
        .progress("quiet period: the neighbours are alone");
    // The first runs are slower: no instance is warm yet.
    pause((lasts / 20).min(Duration::from_secs(3)));
    let began = Moment::now();
    let calm_until = began.after(QUIET_PERIOD.min(lasts / 6));
    while !calm_until.is_past() && !context.is_interrupted() {
        pause(Duration::from_millis(100));
    }
    let quiet_period = (began, Moment::now());

    let mut order = acts.to_vec();
    let mut rng = SeededRng::new(seed, 2);
    rng.shuffle(&mut order);
    for &act in &order {
        if context.is_interrupted() || alone_until.is_past() {
            break;
        }
        one(context, results, act, &mut rng, true);
        check_readiness(
            context.host.until_ready(),
            &format!("after {}", act.name()),
            context.fault_log,
        );
        pause(REST);
    }
    thread::scope(|scope| {
        for lane in 0..LANES {
            scope.spawn(move || {
                let mut rng = SeededRng::new(seed, 10 + lane);
                while !end.is_past() && !context.is_interrupted() {
                    let act = acts[rng.below(acts.len())];
                    one(context, results, act, &mut rng, false);
                    pause(rng.time(Duration::from_secs(2)));
                }
            });
        }
    });
    quiet_period
}

fn one(
    context: &ActContext<'_>,
    results: &StormResults,
    act: Act,
    rng: &mut SeededRng,
    alone: bool,
) {
    let name = act.name();
    context
        .fault_log
        .progress(&format!("{name}: {}", act.title()));
    let began = Moment::now();
    if let Err(error) = act.perform(context, rng) {
        context.fault_log.fault(format!("{name}: {error:#}"));
    }
    let mut performed = results
        .performed
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    performed.push(Performed {
        act,
        span: (began, Moment::now()),
        alone,
    });
}

fn check_readiness(ready: Option<Duration>, when: &str, fault_log: &FaultLog) {
    match ready {
        Some(took) if took > Duration::from_secs(1) => {
            fault_log.progress(&format!(
                "ready again {when} after {:.1} s",
                took.as_secs_f64()
            ));
        }
        Some(_) => {}
        None => fault_log.fault(format!("the host is not ready {when}")),
    }
}
