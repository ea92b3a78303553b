//! Drives a case: several runs on one machine, and everything that may happen to them. The host's answers are
//! recorded, and checked at the end.

mod operators;

use std::panic::{AssertUnwindSafe, catch_unwind};

use dormouse_journal::{CancelOptions, Kind, Payload, RunId, Status, Time, VersionId, WhenBroken};
use dormouse_runtime::{Readiness, Refusal, Runtime, Settings};
use dormouse_store::{AimedNotified, Pausable, State};

use crate::caller::post;
use crate::case::EVENT;
use crate::check::check;
use crate::evidence::Evidence;
use crate::history::{Event, Post, PostAnswer, Shared, lock, network};
use crate::replay::replay;
use crate::{Case, EventKind, Reading, SeededRng, StoreKind, World, guest, other_version};

/// How long a host whose disk was full may leave work undone, in milliseconds: until its next scan.
const SCAN: u64 = 32_000;

/// A time that is longer than any sleep of a run and any call, in milliseconds.
const LONG: u64 = 100_000;

/// How many times the runs are given at the end what they wait for. No script waits that often.
const ROUNDS: usize = 100;

/// The numbers of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// The number of runs.
    pub runs: usize,
    /// The number of acknowledged requests.
    pub requests: usize,
    /// The number of losses of power.
    pub crashes: usize,
    /// The number of activations in all journals.
    pub activations: usize,
    /// The number of activations that were replayed, or executed again from the journals.
    pub made_again: usize,
    /// The simulated time, in milliseconds.
    pub time: u64,
    /// A digest of all operations on the disk, and of the content of memory.
    pub kept: u64,
}

/// Simulates a case.
///
/// # Errors
/// If something is not as it must be. The text says what is wrong.
pub fn drive(store_kind: StoreKind, case: &Case) -> Result<Totals, String> {
    catch_unwind(AssertUnwindSafe(|| Driver::new(store_kind, case).drive())).unwrap_or_else(
        |panic| {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("a panic: {}", text.unwrap_or("of no text")))
        },
    )
}

struct Driver<'c> {
    case: &'c Case,
    world: World,
    host: Option<Runtime>,
    runs: Vec<RunId>,
    history: Shared,
    crashes: usize,
    /// The versions of the workflow, which do the same.
    versions: [VersionId; 2],
    /// True if anything was ever paused.
    paused: bool,
    /// True if anything may be paused now.
    is_paused: bool,
    /// Until then, a full disk is an excuse for work that is not done.
    excused: Time,
    begun: Time,
}

impl<'c> Driver<'c> {
    fn new(store_kind: StoreKind, case: &'c Case) -> Self {
        let history = Shared::default();
        let mut settings = Settings {
            rebuild_after_step: case.rebuild_after_step,
            when_broken: WhenBroken::Fail,
            ..Settings::default()
        };
        settings.limits.warm_memory = case.warm_memory;
        settings.limits.instances = case.instances;
        let world = World::new(store_kind, case.seed, network(case, &history), settings);
        Driver {
            case,
            begun: world.now(),
            world,
            host: None,
            runs: Vec::new(),
            history,
            crashes: 0,
            versions: [VersionId([0; 32]); 2],
            paused: false,
            is_paused: false,
            excused: Time(0),
        }
    }

    fn drive(mut self) -> Result<Totals, String> {
        let host = self.world.host();
        let other = other_version();
        for component in [other.clone(), guest("script")] {
            let deployed = self.world.run(host.deploy("script", component));
            deployed.map_err(|error| error.to_string())?;
        }
        self.versions = [VersionId::of(&guest("script")), VersionId::of(&other)];
        let first = self.versions[0].to_string();
        for run in 0..self.case.scripts.len() {
            self.runs.push(
                self.world
                    .start(&host, "script", &self.case.input(run, &first)),
            );
        }
        self.host = Some(host);
        if self.case.tears {
            self.world.disk().tear(SeededRng::new(self.case.seed));
        }
        if self.case.commit_delay > 0 {
            self.world
                .delay_commits(self.case.seed, self.case.commit_delay);
            self.world.disorder(self.case.seed);
        }
        for act in &self.case.acts {
            self.pass(act.after)?;
            self.act(&act.what)?;
        }
        self.settle()?;
        self.finish()?;
        let host = self.alive()?;
        let history = lock(&self.history);
        drop(host);
        let reading = self.world.reading();
        let activations = check(&Evidence {
            reading: &reading,
            runs: &self.runs,
            history: &history,
            sent: &self.world.egress().timed(),
            disturbed: self.crashes > 0 || self.paused,
        })?;
        let mut rng = SeededRng::new(self.case.seed);
        let mut made_again = 0;
        for (number, run) in self.runs.iter().enumerate() {
            made_again += replay(&self.world, &reading, *run, &mut rng)
                .map_err(|why| format!("run {number}: {why}"))?;
        }
        Ok(Totals {
            runs: self.runs.len(),
            requests: history
                .heard
                .iter()
                .filter(|heard| heard.result.is_ok())
                .count(),
            crashes: self.crashes,
            activations,
            made_again,
            time: self.world.now().0 - self.begun.0,
            kept: self.world.digest(),
        })
    }

    /// Returns a host that has not failed.
    fn alive(&mut self) -> Result<Runtime, String> {
        if self.host.as_ref().is_some_and(Runtime::has_failed) {
            self.crash(5);
        }
        if let Some(host) = &self.host {
            return Ok(host.clone());
        }
        for _ in 0..5 {
            match self.world.try_host() {
                Ok(host) => {
                    self.host = Some(host.clone());
                    self.send_again(&host);
                    return Ok(host);
                }
                Err(_) => {
                    self.crashes += 1;
                    self.world.crash_without_host(5);
                }
            }
        }
        Err("the host does not come back".into())
    }

    fn crash(&mut self, down: u64) {
        if let Some(host) = self.host.take() {
            self.crashes += 1;
            self.world.crash(host, down);
        }
    }

    /// Lets this many milliseconds pass, and checks the host each time it has nothing more to do.
    fn pass(&mut self, span: u64) -> Result<(), String> {
        let until = self.world.now().after(span);
        loop {
            let host = self.alive()?;
            let (world, runs) = (&self.world, &self.runs);
            let excused = if self.is_paused {
                Time(u64::MAX)
            } else {
                self.excused
            };
            let reading = world.reading();
            let acts = self.case.acts.iter();
            let back = acts.filter(|act| matches!(act.what, EventKind::TakeBack { .. }));
            let ahead = back.count() as u64;
            let mut seen = Ok(());
            let mut due = IdleDueRun {
                allowed: 4 * self.case.commit_delay,
                first: None,
            };
            world.watch(until, || {
                seen = look(
                    &host,
                    &reading,
                    (world.now(), ahead),
                    runs,
                    excused,
                    &mut due,
                );
                seen.is_ok() && !host.has_failed()
            });
            seen?;
            if !host.has_failed() {
                return Ok(());
            }
        }
    }

    fn act(&mut self, what: &EventKind) -> Result<(), String> {
        let host = self.alive()?;
        match what {
            EventKind::Post {
                run,
                webhook,
                key,
                body,
                delay,
            } => {
                let key = key.map(|key| format!("key-{key}"));
                let post = self.new_post(*run, *webhook, key, format!("p{body}"));
                self.send(&host, post, self.world.now().after(*delay));
            }
            EventKind::PostAtDeadline {
                run,
                webhook,
                body,
                late,
            } => {
                let open = self.world.reading().open(self.runs[*run]);
                let open = open.unwrap_or_default();
                let next = open
                    .iter()
                    .filter_map(|(_, open)| open.kind.deadline(open.issued))
                    .filter(|deadline| *deadline > self.world.now())
                    .min();
                if let Some(deadline) = next {
                    let at = Time(deadline.0.saturating_add_signed(i64::from(*late)));
                    let post = self.new_post(*run, *webhook, None, format!("d{body}"));
                    self.send(&host, post, at);
                }
            }
            EventKind::Event { to, body } => self.notify(&host, *to, format!("e{body}")),
            EventKind::Crash { down } => self.crash(*down),
            EventKind::FailAfter(operations) => self.world.fail_after(*operations),
            EventKind::SetDate(by) => self.world.set_date(*by),
            EventKind::Pause { run, goes_on } => {
                let what = run.map_or(Pausable::Host, |run| Pausable::Run(self.runs[run]));
                self.paused = true;
                self.is_paused = true;
                // The answer may be lost, and a run may have ended.
                if *goes_on {
                    drop(self.world.run(host.unpause(what)));
                } else {
                    drop(self.world.run(host.pause(what)));
                }
            }
            EventKind::Move(run) => self.move_to_other(&host, *run)?,
            EventKind::Retry(run) => {
                // The answer may be lost, and the run may not have failed.
                drop(self.retry(&host, *run));
            }
            EventKind::TakeBack { run, step } => self.take_back(&host, *run, *step),
            EventKind::Cancel { run, grace } => {
                lock(&self.history).cancelled.insert(*run);
                let options = CancelOptions {
                    grace: *grace,
                    reason: None,
                };
                drop(self.world.run(host.cancel(self.runs[*run], options)));
            }
            EventKind::Full(span) => {
                self.world.fill(true);
                self.excused = self.world.now().after(span + SCAN);
                self.pass(*span)?;
                self.world.fill(false);
            }
        }
        Ok(())
    }

    fn new_post(&self, run: usize, webhook: usize, key: Option<String>, body: String) -> usize {
        let mut history = lock(&self.history);
        history.posts.push(Post {
            run,
            webhook,
            key,
            body,
        });
        history.posts.len() - 1
    }

    /// Sends a request at this time. Its answer is recorded when it comes.
    fn send(&self, host: &Runtime, number: usize, at: Time) {
        let Post {
            run,
            webhook,
            key,
            body,
        } = lock(&self.history).posts[number].clone();
        let (host, history, run) = (host.clone(), self.history.clone(), self.runs[run]);
        let reading = self.world.reading();
        let time = self.world.at(at);
        self.world.spawn(Box::pin(async move {
            time.await;
            let webhooks = reading.webhooks(run).unwrap_or_default();
            drop(reading);
            let Some(view) = webhooks.into_iter().nth(webhook) else {
                return;
            };
            let key = key.as_deref().map(|key| ("idempotency-key", key));
            let sent = lock(&history).moment();
            let result = post(&host, &view.url, key.as_slice(), &body).await;
            let mut history = lock(&history);
            let heard = history.moment();
            history.heard.push(PostAnswer {
                post: number,
                sent,
                heard,
                result,
            });
        }));
    }

    /// Sends each request again that has a key and was not answered, as real callers do.
    fn send_again(&self, host: &Runtime) {
        let unheard: Vec<usize> = {
            let history = lock(&self.history);
            let settled = |number: usize| {
                history.heard.iter().any(|heard| {
                    heard.post == number && !matches!(heard.result, Err(Refusal::Unavailable(_)))
                })
            };
            let posts = history.posts.iter().enumerate();
            posts
                .filter(|(number, post)| post.key.is_some() && !settled(*number))
                .map(|(number, _)| number)
                .collect()
        };
        for number in unheard {
            self.send(host, number, self.world.now());
        }
    }

    fn notify(&self, host: &Runtime, to: Option<usize>, body: String) {
        let mut history = lock(&self.history);
        let number = history.events.len();
        history.events.push(Event {
            to,
            body: body.clone(),
            reached: None,
        });
        drop(history);
        let payload = Payload {
            content_type: "text/plain".into(),
            body: body.into(),
        };
        let (host, history) = (host.clone(), self.history.clone());
        let target = to.map(|run| self.runs[run]);
        self.world.spawn(Box::pin(async move {
            let reached = match target {
                None => {
                    // If the notification is not done yet, it may reach other runs later.
                    let reached = host.notify(EVENT.into(), payload).await.ok();
                    let reached = reached.filter(|reached| reached.is_done);
                    reached.map(|reached| reached.runs)
                }
                Some(run) => {
                    let notified = host.notify_run(run, EVENT.into(), payload).await;
                    (notified.ok() == Some(AimedNotified::Queued)).then(|| vec![run])
                }
            };
            lock(&history).events[number].reached = reached;
        }));
    }

    /// Ends all faults, lets the runs go on that need nothing more, and then replaces the host with one that keeps no
    /// warm instances.
    fn settle(&mut self) -> Result<(), String> {
        self.pass(LONG)?;
        self.unpause()?;
        self.pass(LONG)?;
        self.repair()?;
        let host = self.alive()?;
        self.send_again(&host);
        drop(host);
        self.pass(LONG)?;
        self.crash(5);
        self.world.set(|settings| settings.limits.warm_memory = 0);
        self.pass(LONG)
    }

    /// Gives the runs what they still wait for, until each has ended or waits for a webhook that it has closed.
    fn finish(&mut self) -> Result<(), String> {
        for round in 0..ROUNDS {
            let host = self.alive()?;
            let reading = self.world.reading();
            let mut given = false;
            for number in 0..self.runs.len() {
                let run = self.runs[number];
                let read = |error: dormouse_store::ReadError| error.to_string();
                let state = reading.state(run).map_err(read)?;
                let state = state.ok_or_else(|| format!("run {number} is gone"))?;
                if state.status == Status::Blocked {
                    return Err(format!("run {number} is blocked: {:?}", state.failure));
                }
                for (operation, open) in reading.open(run).map_err(read)? {
                    if open.abandoned {
                        return Err(format!(
                            "run {number} gave operation {operation} up, and it never completes"
                        ));
                    }
                    match open.kind {
                        Kind::WaitForWebhook { webhook, .. } => {
                            let view = reading.webhook(run, webhook).map_err(read)?;
                            if view.is_some_and(|view| !view.closed) {
                                let index = webhook.0 as usize;
                                let post = self.new_post(number, index, None, format!("f{round}"));
                                self.send(&host, post, self.world.now());
                                given = true;
                            }
                        }
                        Kind::WaitForEvent { .. } => {
                            self.notify(&host, Some(number), format!("f{round}"));
                            given = true;
                        }
                        other => {
                            return Err(format!("run {number} never completes {other:?}"));
                        }
                    }
                }
            }
            drop(reading);
            drop(host);
            if !given {
                return Ok(());
            }
            self.pass(LONG)?;
        }
        Err("the runs do not end".into())
    }
}

/// Finds a run that is due and that the host does not execute. If commits are late, a run is due before it has an
/// instance.
struct IdleDueRun {
    /// The time for which a run may be in this state, in milliseconds.
    allowed: u64,
    /// The run, and the time at which it was first seen in this state.
    first: Option<(RunId, Time)>,
}

impl IdleDueRun {
    /// Returns true if this run has been in this state for longer than allowed.
    fn is_overdue(&mut self, run: RunId, now: Time) -> bool {
        let known = self.first.filter(|(first, _)| *first == run);
        let (_, since) = *self.first.insert(known.unwrap_or((run, now)));
        now >= since.after(self.allowed)
    }
}

/// Checks what must hold when the host has nothing more to do at an instant.
fn look(
    host: &Runtime,
    reading: &Reading,
    (now, ahead): (Time, u64),
    runs: &[RunId],
    excused: Time,
    due: &mut IdleDueRun,
) -> Result<(), String> {
    if host.has_failed() {
        return Ok(());
    }
    let text = |error: dormouse_store::ReadError| error.to_string();
    for (number, run) in runs.iter().enumerate() {
        let time = reading.state(*run).map_err(text)?.map(|state| state.time);
        // After a run was taken back, each new activation is at least one millisecond later than all before.
        if time.is_some_and(|time| time > now.after(ahead)) {
            return Err(format!(
                "run {number} has an activation at {time:?}, and now is {now:?}: a timer was early"
            ));
        }
    }
    let is_idle = host.instances().0 == 0 && host.readiness() == Readiness::Ready;
    if !is_idle || now < excused {
        return Ok(());
    }
    // A held run is removed from the due runs when the host finds it.
    let is_held = |run: RunId| -> Result<bool, String> {
        let view = reading.view(run).map_err(text)?;
        Ok(view.is_some_and(|view| view.held_by.is_some()))
    };
    let first = reading.due_run().map_err(text)?;
    if first.is_none() {
        due.first = None;
    }
    if let Some(run) = first
        && due.is_overdue(run, now)
        && !is_held(run)?
    {
        return Err(format!("run {run} is due at {now:?}, and nobody looks"));
    }
    if let Some(timer) = reading.passed_timer(host.clock().moment()).map_err(text)?
        && !is_held(timer.run)?
    {
        let state = reading.state(timer.run).map_err(text)?;
        let status = state.as_ref().map(|state| state.status);
        // The timers of an ended run wake nothing, and are removed in pieces after its end. A pending run is due, looks at
        // its timers by itself, and may wait for the disk: the check of due runs has patience with it. A run whose
        // activation is still being written looks at its timers after that.
        let needs_look = |state: State| {
            !state.status.has_ended() && state.status != Status::Pending && !state.is_restoring
        };
        if state.is_none_or(needs_look) {
            return Err(format!(
                "{timer:?} has passed at {now:?}, and nobody looks; its run is {status:?}"
            ));
        }
    }
    Ok(())
}
