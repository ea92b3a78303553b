//! The future of an operation in a test.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::operation::{OperationRequest, Outcome};
use super::world::World;

/// An operation, which begins when it is first polled, and is given up when it is dropped.
pub(crate) fn awaited(step: String, asked: OperationRequest) -> impl Future<Output = Outcome> {
    Awaited {
        begins: Some((step, asked)),
        begun: None,
    }
}

struct Awaited {
    begins: Option<(String, OperationRequest)>,
    /// The id of the world that the operation belongs to, and the operation's number there.
    begun: Option<(u64, usize)>,
}

impl Future for Awaited {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let begun = self.begins.take();
        let ready = World::with(|world| {
            if let Some((step, asked)) = begun {
                self.begun = Some((world.id, world.begin(step, asked)));
            }
            let (_, number) = self.begun?;
            world.take(number, context.waker())
        });
        match ready {
            Some(outcome) => {
                self.begun = None;
                Poll::Ready(outcome)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if let Some((world, number)) = self.begun.take() {
            World::give_up(world, number);
        }
    }
}
