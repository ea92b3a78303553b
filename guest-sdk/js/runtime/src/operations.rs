//! The operations under way. What JavaScript begins is put here, and is asked of the host when the engine has nothing more
//! to do: what is given up before that was never asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use futures::StreamExt;
use futures::future::{AbortHandle, Abortable, Aborted};
use futures::stream::FuturesUnordered;
use rquickjs::{Ctx, Function, Persistent, Promise, Value};

use crate::bindings::dormouse::workflow::context::{Level, log};
use crate::bindings::dormouse::workflow::runs;
use crate::engine;
use crate::failure::Thrown;

/// Makes a JavaScript value of an outcome. An error is thrown by the promise.
pub(crate) type Outcome = Box<dyn for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<Value<'js>>>;

type Pending = Abortable<Pin<Box<dyn Future<Output = (u32, Outcome)>>>>;

#[derive(Default)]
struct Operations {
    /// Those that were asked of the host.
    pending: RefCell<FuturesUnordered<Pending>>,
    /// Those that were not yet, in the order in which they were begun.
    begun: RefCell<Vec<Pending>>,
    /// How each is given up, and how its promise is settled.
    handles: RefCell<BTreeMap<u32, Handle>>,
    next: Cell<u32>,
}

struct Handle {
    abort: AbortHandle,
    promise: Option<Settlers>,
}

/// The functions that resolve a promise and reject it.
type Settlers = (Persistent<Function<'static>>, Persistent<Function<'static>>);

thread_local! {
    static OPERATIONS: Operations = Operations::default();
}

/// Begins an operation. Returns the number by which JavaScript is told of its outcome.
pub(crate) fn begin<F, T, M>(future: F, make: M) -> u32
where
    F: Future<Output = T> + 'static,
    T: 'static,
    M: for<'js> FnOnce(T, &Ctx<'js>) -> rquickjs::Result<Value<'js>> + 'static,
{
    OPERATIONS.with(|operations| {
        let number = operations.next.get();
        operations.next.set(number + 1);
        let (abort, registration) = AbortHandle::new_pair();
        let handle = Handle {
            abort,
            promise: None,
        };
        operations.handles.borrow_mut().insert(number, handle);
        let outcome = async move {
            let outcome = future.await;
            let make: Outcome = Box::new(move |ctx: &Ctx<'_>| make(outcome, ctx));
            (number, make)
        };
        let outcome: Pin<Box<dyn Future<Output = _>>> = Box::pin(outcome);
        operations
            .begun
            .borrow_mut()
            .push(Abortable::new(outcome, registration));
        number
    })
}

/// The promise of an operation's outcome.
pub(crate) fn outcome<'js>(ctx: Ctx<'js>, number: u32) -> rquickjs::Result<Promise<'js>> {
    let (promise, resolve, reject) = ctx.promise()?;
    let settlers = (
        Persistent::save(&ctx, resolve),
        Persistent::save(&ctx, reject),
    );
    OPERATIONS.with(|operations| {
        if let Some(handle) = operations.handles.borrow_mut().get_mut(&number) {
            handle.promise = Some(settlers);
        }
    });
    Ok(promise)
}

/// Gives an operation up, if it is under way. Its promise stays as it is.
pub(crate) fn give_up(number: u32) {
    let given_up = OPERATIONS.with(|operations| operations.handles.borrow_mut().remove(&number));
    if let Some(handle) = given_up {
        handle.abort.abort();
    }
}

/// Waits for the next outcome and tells JavaScript.
pub(crate) async fn settle_next() -> Result<(), Thrown> {
    let mut pending = OPERATIONS.with(|operations| operations.pending.take());
    OPERATIONS.with(|operations| pending.extend(operations.begun.take()));
    let next = loop {
        match pending.next().await {
            Some(Ok(next)) => break Some(next),
            Some(Err(Aborted)) => {}
            None => break None,
        }
    };
    OPERATIONS.with(|operations| *operations.pending.borrow_mut() = pending);
    let Some((number, make)) = next else {
        // The program awaits what nothing can settle. A wait for a cancel keeps no run alive, so the host says that it is
        // stuck.
        runs::wait_for_cancel("nothing is under way".into(), None).await;
        return Ok(());
    };
    let handle = OPERATIONS.with(|operations| operations.handles.borrow_mut().remove(&number));
    let Some((resolve, reject)) = handle.and_then(|handle| handle.promise) else {
        return Ok(());
    };
    engine::with(|ctx, _| {
        let settled = match make(ctx) {
            Ok(value) => resolve
                .restore(ctx)
                .and_then(|resolve| resolve.call((value,))),
            Err(rquickjs::Error::Exception) => {
                let reject = reject.restore(ctx);
                reject.and_then(|reject| reject.call((ctx.catch(),)))
            }
            Err(error) => Err(error),
        };
        settled.map_err(|_: rquickjs::Error| Thrown::caught(ctx))
    })
}

/// A promise that was rejected, and that nobody has handled yet.
struct Rejection {
    promise: Persistent<Value<'static>>,
    thrown: Thrown,
    /// Whether it stands in the log.
    is_told: bool,
}

thread_local! {
    static UNHANDLED: RefCell<Vec<Rejection>> = const { RefCell::new(Vec::new()) };
}

/// The engine tells of a rejection that nobody handles, and again when somebody does.
pub(crate) fn rejected(promise: &Value<'_>, reason: &Value<'_>, handled: bool) {
    let promise = Persistent::save(promise.ctx(), promise.clone());
    UNHANDLED.with_borrow_mut(|unhandled| {
        if handled {
            unhandled.retain(|other| other.promise != promise);
        } else {
            unhandled.push(Rejection {
                promise,
                thrown: Thrown::of(reason),
                is_told: false,
            });
        }
    });
}

/// Logs the rejections that nobody has handled by the end of an activation. A wait for something else may come first, so
/// this fails nothing.
pub(crate) fn tell_unhandled() {
    UNHANDLED.with_borrow_mut(|unhandled| {
        for rejection in unhandled.iter_mut().filter(|rejection| !rejection.is_told) {
            rejection.is_told = true;
            let text = rejection.thrown.text();
            let message = format!(
                "a promise was rejected, and nothing has handled it yet; if that stays so, the run fails when it returns: {text}"
            );
            log(Level::Warn, &message);
        }
    });
}

/// The first rejection that nobody has handled.
pub(crate) fn unhandled() -> Option<Thrown> {
    UNHANDLED.with_borrow(|unhandled| Some(unhandled.first()?.thrown.clone()))
}
