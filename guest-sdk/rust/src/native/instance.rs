//! A run that is executed as native code: the workflow's future, and the world that it sees.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::world::{Beginning, Completion, World};
use crate::bindings::{Failure, Payload};

/// The result of a workflow.
pub(crate) type Ended = Result<Payload, Failure>;

/// The future of a workflow.
pub(crate) type Running = Pin<Box<dyn Future<Output = Ended>>>;

/// A function that makes the future of a workflow from its input.
pub(crate) type Make = Rc<dyn Fn(Payload) -> Running>;

/// The payload of the panic that unwinds a workflow which continues as new.
pub(crate) struct Continued;

/// A generation of a run.
pub(crate) struct Instance {
    make: Make,
    running: Option<Running>,
    woken: Arc<Woken>,
    /// The world. It is `None` only while the workflow is polled.
    world: Option<World>,
    pub(crate) ended: Option<Ended>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Instance {
    /// Begins a generation. The first steps have these outcomes.
    fn begin(make: Make, beginning: Beginning, steps: &[Result<Payload, Failure>]) -> Self {
        let input = beginning.input.clone();
        let mut world = Some(World::new(beginning, steps));
        let running = World::enter(&mut world, || make(input));
        let mut instance = Instance {
            make,
            running: Some(running),
            woken: Arc::new(Woken(AtomicBool::new(true))),
            world,
            ended: None,
        };
        instance.poll();
        instance
    }

    /// Starts a run, and executes it until it waits.
    pub(crate) fn start(make: Make, beginning: Beginning) -> Self {
        let mut instance = Instance::begin(make, beginning, &[]);
        instance.go_on();
        instance
    }

    pub(crate) fn world(&self) -> &World {
        self.world
            .as_ref()
            .unwrap_or_else(|| unreachable!("the workflow is polled"))
    }

    pub(crate) fn world_mut(&mut self) -> &mut World {
        self.world
            .as_mut()
            .unwrap_or_else(|| unreachable!("the workflow is polled"))
    }

    /// Delivers the available completions, one after another, until there are none.
    pub(crate) fn go_on(&mut self) {
        loop {
            if self.world().continued.is_some() {
                self.next_generation();
            }
            if self.ended.is_some() {
                return;
            }
            let Some(completion) = self.world_mut().next() else {
                return;
            };
            self.world_mut().complete(completion);
            self.poll();
        }
    }

    /// Polls the workflow until it waits.
    fn poll(&mut self) {
        let waker = Waker::from(self.woken.clone());
        while self.woken.0.swap(false, Ordering::Relaxed) {
            let Some(mut running) = self.running.take() else {
                return;
            };
            let mut context = Context::from_waker(&waker);
            let polled = World::enter(&mut self.world, || {
                catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut context)))
            });
            match polled {
                Ok(Poll::Pending) => self.running = Some(running),
                Ok(Poll::Ready(ended)) => self.ended = Some(ended),
                Err(panic) if panic.is::<Continued>() => {}
                Err(panic) => resume_unwind(panic),
            }
        }
    }

    /// Begins the next generation of a run that has continued as new.
    fn next_generation(&mut self) {
        self.check_replay();
        let world = self.world_mut();
        let Some((input, options)) = world.continued.take() else {
            return;
        };
        let before = &world.beginning;
        let hooks = std::mem::take(&mut world.hooks).into_iter();
        let kept = hooks.filter(|hook| options.keep.contains(&hook.webhook.id));
        let beginning = Beginning {
            now: world.now,
            run: before.run.clone(),
            request: None,
            input,
            kept: kept.collect(),
            labels: world.labels.clone(),
            mail: std::mem::take(&mut world.mail),
            cancel: world.cancel.clone(),
            generation: before.generation + 1,
        };
        let (log, children) = (
            std::mem::take(&mut world.log),
            std::mem::take(&mut world.children),
        );
        *self = Instance::begin(self.make.clone(), beginning, &[]);
        let world = self.world_mut();
        world.log.splice(0..0, log);
        world.children.splice(0..0, children);
    }

    /// Executes this generation again from its beginning, with the same completions.
    ///
    /// # Panics
    /// If it does something else than before.
    pub(crate) fn check_replay(&self) {
        let world = self.world();
        let mut again = Instance::begin(self.make.clone(), world.beginning.clone(), &world.steps);
        for completion in world.completions.clone() {
            let Completion { operation, .. } = completion;
            if !again.world_mut().complete(completion) {
                let before = &world.operations[operation];
                panic!(
                    "the workflow is not deterministic: executed again, it does not wait for {} where it did before",
                    before.line(world)
                );
            }
            again.poll();
        }
        let (before, after) = (&world.made, &again.world().made);
        let longest = before.len().max(after.len());
        for number in 0..longest {
            let (before, after) = (before.get(number), after.get(number));
            assert!(
                before == after,
                "the workflow is not deterministic: executed again, its operation {number} is another\n  before: {}\n  again:  {}",
                before.map_or("none", String::as_str),
                after.map_or("none", String::as_str),
            );
        }
        assert!(
            self.ended == again.ended,
            "the workflow is not deterministic: executed again, it ends otherwise\n  before: {:?}\n  again:  {:?}",
            self.ended,
            again.ended,
        );
    }
}
