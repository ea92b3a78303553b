//! The operations under way. An operation that JavaScript begins is kept here until the engine has no more jobs, and is then
//! asked of the host. The host never learns of an operation that is given up before that.

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

/// Makes the JavaScript value of an outcome. If this throws, the promise of the operation is rejected.
pub(crate) type Outcome = Box<dyn for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<Value<'js>>>;

type Pending = Abortable<Pin<Box<dyn Future<Output = (u32, Outcome)>>>>;

#[derive(Default)]
struct Operations {
    /// The operations that were asked of the host.
    pending: RefCell<FuturesUnordered<Pending>>,
    /// The operations that were not yet asked of the host, in the order in which they were begun.
    begun: RefCell<Vec<Pending>>,
    /// For each operation by its number, the means to give it up and to settle its promise.
    handles: RefCell<BTreeMap<u32, Handle>>,
    /// The number of the operation that was begun last.
    latest: Cell<u32>,
}

struct Handle {
    abort: AbortHandle,
    /// The function that resolves the promise.
    resolve: Persistent<Function<'static>>,
    /// The function that rejects the promise.
    reject: Persistent<Function<'static>>,
}

thread_local! {
    static OPERATIONS: Operations = Operations::default();
}

/// Begins an operation, and returns the promise of its outcome.
pub(crate) fn begin<'js, F, T, M>(
    ctx: &Ctx<'js>,
    future: F,
    make: M,
) -> rquickjs::Result<Promise<'js>>
where
    F: Future<Output = T> + 'static,
    T: 'static,
    M: for<'a> FnOnce(T, &Ctx<'a>) -> rquickjs::Result<Value<'a>> + 'static,
{
    let (promise, resolve, reject) = ctx.promise()?;
    OPERATIONS.with(|operations| {
        let number = operations.latest.get() + 1;
        operations.latest.set(number);
        let (abort, registration) = AbortHandle::new_pair();
        let handle = Handle {
            abort,
            resolve: Persistent::save(ctx, resolve),
            reject: Persistent::save(ctx, reject),
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
    });
    Ok(promise)
}

/// Returns the number of the operation that was begun last, by which it can be given up.
pub(crate) fn latest() -> u32 {
    OPERATIONS.with(|operations| operations.latest.get())
}

/// Gives an operation up if it is under way. Its promise is never settled.
pub(crate) fn give_up(number: u32) {
    let given_up = OPERATIONS.with(|operations| operations.handles.borrow_mut().remove(&number));
    if let Some(handle) = given_up {
        handle.abort.abort();
    }
}

/// Waits for the next outcome, and settles the operation's promise.
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
        // The program awaits a promise that nothing can settle. A wait for a cancel does not keep a run alive, so the host
        // reports that the run is stuck.
        runs::wait_for_cancel("nothing is under way".into(), None).await;
        return Ok(());
    };
    let handle = OPERATIONS.with(|operations| operations.handles.borrow_mut().remove(&number));
    let Some(Handle {
        resolve, reject, ..
    }) = handle
    else {
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

/// A promise that was rejected, with no handler yet.
struct Rejection {
    promise: Persistent<Value<'static>>,
    thrown: Thrown,
    /// True if the rejection was logged.
    is_told: bool,
}

thread_local! {
    static UNHANDLED: RefCell<Vec<Rejection>> = const { RefCell::new(Vec::new()) };
}

/// Notes a rejection without a handler, or forgets it if `handled` is true. The engine calls this when a promise is rejected
/// without a handler, and again when the promise gets one.
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

/// Logs the rejections without a handler at the end of an activation. The run does not fail for them, since the program may
/// wait for something else first and add a handler later.
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

/// Returns the first rejection without a handler.
pub(crate) fn unhandled() -> Option<Thrown> {
    UNHANDLED.with_borrow(|unhandled| Some(unhandled.first()?.thrown.clone()))
}
