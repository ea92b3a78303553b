//! The course of a storm: a calm to measure in, each act alone, several acts at once, and the checks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::acts::{Act, Stage};
use crate::chance::Chance;
use crate::faults::Telling;
use crate::neighbours::{Counts, Kind, Neighbourhood};
use crate::samples::Samples;
use crate::sleepers::Sleepers;
use crate::time::{Moment, pause};

/// The duration of the calm with which the rest is compared, if the storm is long enough.
const CALM: Duration = Duration::from_secs(20);

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
pub(crate) struct Course {
    pub(crate) samples: Samples,
    pub(crate) counts: Counts,
    pub(crate) calm: Option<(Moment, Moment)>,
    performed: Mutex<Vec<Performed>>,
    pub(crate) sleepers: usize,
    pub(crate) latest_sleeper: Duration,
}

impl Course {
    /// Returns the acts that were done, with their times.
    pub(crate) fn performed(&self) -> Vec<Performed> {
        self.performed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Runs the storm for this long, and then checks what the host did.
pub(crate) fn rage(stage: &Stage<'_>, acts: &[Act], seed: u64, lasts: Duration) -> Course {
    let mut course = Course::default();
    let sleepers = Sleepers::default();
    let over = AtomicBool::new(false);
    let watched = AtomicBool::new(false);
    let calm = thread::scope(|scope| {
        let neighbourhood = Neighbourhood {
            host: stage.host,
            telling: stage.telling,
            samples: &course.samples,
            counts: &course.counts,
            over: &over,
        };
        let mut lives: Vec<_> = NEIGHBOURS
            .map(|kind| scope.spawn(move || neighbourhood.live(kind)))
            .into();
        let (sleepers, over, watched) = (&sleepers, &over, &watched);
        lives.push(scope.spawn(move || {
            let chance = Chance::new(seed, 1);
            sleepers.start(stage.host, stage.service, stage.telling, over, chance);
        }));
        scope.spawn(move || {
            while !watched.load(Ordering::Relaxed) {
                stage.host.watch(stage.telling);
                pause(Duration::from_millis(200));
            }
        });
        let calm = perform(stage, &course, acts, seed, lasts);
        stage
            .telling
            .progress("the storm is over; what was accepted must come, and who sleeps must wake");
        over.store(true, Ordering::Relaxed);
        for life in lives {
            if life.join().is_err() {
                stage.telling.fault("a part of the storm panicked".into());
            }
        }
        watched.store(true, Ordering::Relaxed);
        calm
    });
    course.calm = Some(calm);
    if !stage.is_interrupted() {
        (course.sleepers, course.latest_sleeper) =
            sleepers.judge(stage.host, stage.service, stage.telling);
        judge_readiness(stage.host.until_ready(), "at the end", stage.telling);
        if let Some(kills @ 1..) = stage.host.memory_kills() {
            stage.telling.progress(&format!(
                "the system ended {kills} processes for want of memory"
            ));
        }
    }
    course
}

/// Does the calm, each act alone, and several acts at once. Returns the time of the calm.
fn perform(
    stage: &Stage<'_>,
    course: &Course,
    acts: &[Act],
    seed: u64,
    lasts: Duration,
) -> (Moment, Moment) {
    let end = Moment::now().after(lasts);
    let alone_until = Moment::now().after(lasts * 6 / 10);
    stage.telling.progress("calm: the neighbours are alone");
    // The first runs are slower: no instance is warm yet.
    pause((lasts / 20).min(Duration::from_secs(3)));
    let began = Moment::now();
    let calm_until = began.after(CALM.min(lasts / 6));
    while !calm_until.is_past() && !stage.is_interrupted() {
        pause(Duration::from_millis(100));
    }
    let calm = (began, Moment::now());

    let mut order = acts.to_vec();
    let mut chance = Chance::new(seed, 2);
    chance.shuffle(&mut order);
    for &act in &order {
        if stage.is_interrupted() || alone_until.is_past() {
            break;
        }
        one(stage, course, act, &mut chance, true);
        judge_readiness(
            stage.host.until_ready(),
            &format!("after {}", act.name()),
            stage.telling,
        );
        pause(REST);
    }
    thread::scope(|scope| {
        for lane in 0..LANES {
            scope.spawn(move || {
                let mut chance = Chance::new(seed, 10 + lane);
                while !end.is_past() && !stage.is_interrupted() {
                    let act = acts[chance.below(acts.len())];
                    one(stage, course, act, &mut chance, false);
                    pause(chance.time(Duration::from_secs(2)));
                }
            });
        }
    });
    calm
}

fn one(stage: &Stage<'_>, course: &Course, act: Act, chance: &mut Chance, alone: bool) {
    let name = act.name();
    stage.telling.progress(&format!("{name}: {}", act.title()));
    let began = Moment::now();
    if let Err(error) = act.perform(stage, chance) {
        stage.telling.fault(format!("{name}: {error:#}"));
    }
    let mut performed = course
        .performed
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    performed.push(Performed {
        act,
        span: (began, Moment::now()),
        alone,
    });
}

fn judge_readiness(ready: Option<Duration>, when: &str, telling: &Telling) {
    match ready {
        Some(took) if took > Duration::from_secs(1) => {
            telling.progress(&format!(
                "ready again {when} after {:.1} s",
                took.as_secs_f64()
            ));
        }
        Some(_) => {}
        None => telling.fault(format!("the host is not ready {when}")),
    }
}
