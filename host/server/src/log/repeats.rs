//! Limits how often one message is logged. The first messages within a span of time are written, the others are
//! counted, and one line at the end of the span says how many there were.
//!
//! A message is identified by the place in the code that logs it, so that its text is constant and there are only a
//! few. Events of level debug are not limited, because somebody who asks for them wants all of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};
use tracing_subscriber::layer::{Context, Filter};

use super::own_lines::{is_own_line, now};

/// The number of times that one message is written within [`SPAN`].
const REPEAT_LIMIT: u64 = 100;

/// The span of time, which begins with a message.
const SPAN: Duration = Duration::from_secs(10);

/// The messages that were logged recently.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<HashMap<Identifier, Window>>);

/// One message within one span of time.
#[derive(Debug)]
struct Window {
    ends: Instant,
    count: u64,
    /// The level of the line at the end.
    level: Level,
    target: &'static str,
    message: String,
}

/// A message that was left out.
#[derive(Debug, PartialEq, Eq)]
struct LeftOut {
    times: u64,
    level: Level,
    target: &'static str,
    message: String,
}

impl Repeats {
    /// Counts a message. Returns true if it is written.
    fn count(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        if is_own_line() || *metadata.level() > Level::INFO {
            return true;
        }
        let mut windows = self.lock();
        let window = windows
            .entry(metadata.callsite())
            .or_insert_with(|| Window::new(event, now));
        if window.ends <= now && window.left_out() == 0 {
            *window = Window::new(event, now);
        }
        // If messages were left out, the span continues until the line about them is written.
        window.count += 1;
        window.count <= REPEAT_LIMIT
    }

    /// Returns the time at which a line may be due.
    pub(super) fn due(&self) -> Option<Instant> {
        let windows = self.lock();
        let full = windows
            .values()
            .filter(|window| window.count >= REPEAT_LIMIT);
        full.map(|window| window.ends).min()
    }

    /// Logs how many messages were left out in spans that have ended.
    pub(super) fn tell(&self, now: Instant) {
        for left_out in self.take(now) {
            let LeftOut {
                times,
                level,
                target,
                message,
            } = left_out;
            macro_rules! tell {
                ($log:ident) => {
                    tracing::$log!(
                        times,
                        from = target,
                        message_left_out = message,
                        "a message was left out, since it came too often"
                    )
                };
            }
            match level {
                Level::ERROR => tell!(error),
                Level::WARN => tell!(warn),
                _ => tell!(info),
            }
        }
    }

    fn take(&self, now: Instant) -> Vec<LeftOut> {
        let mut left_out = Vec::new();
        self.lock().retain(|_, window| {
            let is_over = window.ends <= now;
            if is_over && window.left_out() > 0 {
                left_out.push(LeftOut {
                    times: window.left_out(),
                    level: window.level,
                    target: window.target,
                    message: std::mem::take(&mut window.message),
                });
            }
            !is_over
        });
        left_out
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Identifier, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn new(event: &Event<'_>, now: Instant) -> Self {
        let mut text = Text(String::new());
        event.record(&mut text);
        Window {
            ends: now + SPAN,
            count: 0,
            level: *event.metadata().level(),
            target: event.metadata().target(),
            message: text.0,
        }
    }

    fn left_out(&self) -> u64 {
        self.count.saturating_sub(REPEAT_LIMIT)
    }
}

/// The text of a message.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// The filter that leaves out repeats.
pub(super) struct Limited(pub(super) Arc<Repeats>);

impl<S> Filter<S> for Limited {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.0.count(event, now())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::{Layer, SubscriberExt as _};

    use super::*;

    /// Counts every event at the time that the test sets.
    struct At(Arc<Repeats>, Arc<Mutex<Instant>>, Arc<Mutex<Vec<bool>>>);

    impl<S: tracing::Subscriber> Layer<S> for At {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let is_written = self.0.count(event, *self.1.lock().unwrap());
            self.2.lock().unwrap().push(is_written);
        }
    }

    struct World {
        repeats: Arc<Repeats>,
        now: Arc<Mutex<Instant>>,
        written: Arc<Mutex<Vec<bool>>>,
        _subscriber: tracing::subscriber::DefaultGuard,
    }

    impl World {
        fn new() -> Self {
            let repeats = Arc::<Repeats>::default();
            let now = Arc::new(Mutex::new(now()));
            let written = Arc::<Mutex<Vec<bool>>>::default();
            let layer = At(repeats.clone(), now.clone(), written.clone());
            let subscriber = tracing_subscriber::registry().with(layer);
            World {
                repeats,
                now,
                written,
                _subscriber: tracing::subscriber::set_default(subscriber),
            }
        }

        fn pass(&self, span: Duration) -> Instant {
            let mut now = self.now.lock().unwrap();
            *now += span;
            *now
        }

        fn written(&self) -> usize {
            let written = std::mem::take(&mut *self.written.lock().unwrap());
            written.into_iter().filter(|written| *written).count()
        }
    }

    fn refuse(times: u32) {
        for number in 0..times {
            tracing::warn!(number, "refused");
        }
    }

    #[test]
    fn the_first_messages_of_a_span_are_written_and_the_others_are_counted_at_its_end() {
        let world = World::new();
        refuse(99);
        assert_eq!(world.repeats.due(), None, "nothing can have been left out");
        refuse(991);
        tracing::warn!("another message");
        assert_eq!(world.written(), 101);
        let before = world.pass(SPAN - Duration::from_millis(1));
        assert!(world.repeats.take(before).is_empty());
        let end = world.pass(Duration::from_millis(1));
        assert_eq!(world.repeats.due(), Some(end));
        let left_out = LeftOut {
            times: 990,
            level: Level::WARN,
            target: module_path!(),
            message: "refused".into(),
        };
        assert_eq!(world.repeats.take(end), [left_out]);
        assert_eq!(world.repeats.due(), None);
        refuse(1);
        assert_eq!(world.written(), 1);
    }

    #[test]
    fn left_out_messages_are_counted_until_they_are_reported() {
        let world = World::new();
        refuse(101);
        let late = world.pass(2 * SPAN);
        refuse(5);
        assert_eq!(world.written(), 100);
        let told: Vec<u64> = world
            .repeats
            .take(late)
            .iter()
            .map(|told| told.times)
            .collect();
        assert_eq!(told, [6]);
    }

    #[test]
    fn rare_messages_are_always_written() {
        let world = World::new();
        for _ in 0..10 {
            refuse(10);
            world.pass(SPAN);
        }
        assert_eq!(world.written(), 100);
    }

    #[test]
    fn details_are_not_limited() {
        let world = World::new();
        for _ in 0..100 {
            tracing::debug!("a detail");
        }
        assert_eq!(world.written(), 100);
    }
}
