//! Resolves host names to addresses.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::thread::Builder;

use tokio::sync::oneshot;

use crate::lookups::{Lookups, whose};

/// A future of the addresses of a name.
pub(crate) type Resolving<'a> =
    Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Resolves names. This is a trait so that tests can resolve names to addresses of their choice.
pub(crate) trait Resolve: Send + Sync {
    /// Returns the addresses of `name`, each with `port`. The best one comes first.
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> Resolving<'a>;
}

/// The system's resolver. It blocks a thread for each lookup, for up to half a minute if the name server is silent, and
/// cannot be interrupted. So each lookup has a thread of its own, which nothing else waits for, and [`Lookups`] limits the
/// number of threads.
#[derive(Default)]
pub(crate) struct SystemResolver(Arc<Lookups>);

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> Resolving<'a> {
        let whose = whose();
        Box::pin(async move {
            let permit = self.0.permit(whose).await;
            let name = name.to_owned();
            let (sender, receiver) = oneshot::channel();
            Builder::new().name("lookup".into()).spawn(move || {
                let found = (name.as_str(), port).to_socket_addrs();
                // The caller may have given up. The permit ends here all the same, since the thread was busy until now.
                let _ = sender.send(found.map(Iterator::collect));
                drop(permit);
            })?;
            receiver.await.map_err(io::Error::other)?
        })
    }
}
