//! The functions that can be tested: those that `#[workflow]` accepts.

use std::rc::Rc;

use crate::context::Context;
use crate::entry::{Outcome, read_input, settle};
use crate::native::Make;
use crate::payload::FromPayload;

/// A workflow: an `async fn` that takes a [`Context`], and an input if it needs one, and returns a `Result`.
pub trait Workflow<Arguments> {
    #[doc(hidden)]
    fn make(self) -> Make;
}

impl<F, R> Workflow<(Context,)> for F
where
    F: AsyncFn(Context) -> R + 'static,
    R: Outcome,
{
    fn make(self) -> Make {
        let workflow = Rc::new(self);
        Rc::new(move |_| {
            let workflow = workflow.clone();
            Box::pin(async move { settle(workflow(Context::new()).await) })
        })
    }
}

impl<F, I, R> Workflow<(Context, I)> for F
where
    F: AsyncFn(Context, I) -> R + 'static,
    I: FromPayload,
    R: Outcome,
{
    fn make(self) -> Make {
        let workflow = Rc::new(self);
        Rc::new(move |input| {
            let workflow = workflow.clone();
            Box::pin(async move {
                let input = read_input(input)?;
                settle(workflow(Context::new(), input).await)
            })
        })
    }
}
