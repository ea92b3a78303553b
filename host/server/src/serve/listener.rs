//! Listens on an address, and accepts connections as long as there is a place for them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use dormouse_limits::CONNECTIONS;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::ConnectionSettings;
use super::unused::OpenConnections;
use crate::ingress::client::TrustedProxies;
use crate::machine::MachineClock;

/// The time between attempts if connections cannot be accepted, for example because file descriptors have run out.
/// Connections that end will help.
const RETRY: u64 = 200;

/// The time in milliseconds between looks for unused connections while a connection waits for a place.
const LOOK_AGAIN: u64 = 50;

/// The time between warnings about connections, so that a flood does not fill the log.
const WARN_AGAIN: Duration = Duration::from_secs(60);

/// Accepts connections, for ever. Each address has its own places, so that a flood from outside does not lock the
/// operator out.
pub(super) async fn accept(
    listener: TcpListener,
    routes: Router,
    mut places: Places,
    settings: ConnectionSettings,
) {
    let mut failed = Warned::default();
    loop {
        // A connection is accepted before there is a place for it, since others end only for one that needs their place.
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Some(share) = places.share(peer) else {
                    settings.turned_away();
                    continue;
                };
                let free = places.free().await;
                // Answers are small, and somebody waits for each.
                let _ = stream.set_nodelay(true);
                let activity = settings.activity();
                places.open.add(&activity);
                let serving = settings.serve(stream, peer, routes.clone(), activity);
                tokio::spawn(async move {
                    serving.await;
                    drop((free, share));
                });
            }
            Err(error) => {
                if failed.is_due() {
                    tracing::warn!(%error, "a connection could not be accepted");
                }
                MachineClock.pause(RETRY).await;
            }
        }
    }
}

/// The places for connections. A client gets at most a quarter of them, so that one client cannot lock out all others.
/// Clients on the machine itself and trusted proxies have no limit, because they stand for many.
pub(super) struct Places {
    free: Arc<Semaphore>,
    limit: usize,
    clients: Arc<Clients>,
    trusted: Arc<TrustedProxies>,
    open: OpenConnections,
    full: Warned,
    shares: Warned,
}

/// The number of connections of each client. A client without any has no entry.
type Clients = Mutex<HashMap<IpAddr, usize>>;

/// A connection of a client, as long as this exists.
struct Share(Option<(Arc<Clients>, IpAddr)>);

/// The time of the last warning.
#[derive(Default)]
struct Warned(Option<Instant>);

impl Warned {
    /// Returns true if it is time to warn, and notes that the warning is given.
    fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|last| last.elapsed() >= WARN_AGAIN);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

impl Places {
    pub(super) fn new(limit: usize, trusted: Arc<TrustedProxies>) -> Self {
        Places {
            free: Arc::new(Semaphore::new(limit)),
            limit,
            clients: Arc::default(),
            trusted,
            open: OpenConnections::new(limit),
            full: Warned::default(),
            shares: Warned::default(),
        }
    }

    /// Waits for a place, and ends unused connections if there is none. None if no place will ever become free, because
    /// the host stops.
    async fn free(&mut self) -> Option<OwnedSemaphorePermit> {
        if self.free.available_permits() == 0 && self.full.is_due() {
            let limit = self.limit;
            tracing::warn!(
                limit,
                "all places for connections are taken, so connections that are unused end; the setting is \
                 `{CONNECTIONS}`"
            );
        }
        let free = self.free.clone().acquire_owned();
        let mut free = pin!(free);
        loop {
            tokio::select! {
                biased;
                place = free.as_mut() => return place.ok(),
                () = MachineClock.pause(LOOK_AGAIN) => self.open.end_unused(Instant::now()),
            }
        }
    }

    /// Counts one more connection of a client. None if it has the largest number already.
    fn share(&mut self, peer: SocketAddr) -> Option<Share> {
        let address = peer.ip().to_canonical();
        if address.is_loopback() || self.trusted.include(address) {
            return Some(Share(None));
        }
        let client = network(address);
        let most = (self.limit / 4).max(1);
        let is_counted = {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            let held = clients.entry(client).or_default();
            let is_counted = *held < most;
            *held += usize::from(is_counted);
            is_counted
        };
        if is_counted {
            return Some(Share(Some((self.clients.clone(), client))));
        }
        if self.shares.is_due() {
            tracing::warn!(
                %client,
                most,
                "a client has a quarter of all connections, and gets no more; if it is a proxy, name it in \
                 `trusted-proxies`; the setting is `{CONNECTIONS}`"
            );
        }
        None
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((clients, client)) = self.0.take() else {
            return;
        };
        let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut held) = clients.entry(client) {
            if *held.get() > 1 {
                *held.get_mut() -= 1;
            } else {
                held.remove();
            }
        }
    }
}

/// Returns the address for which a client is counted. For IPv6 it is the network of 64 bits, because the client has all
/// addresses in it.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(limit: usize) -> Places {
        let trusted = ["10.0.0.0/8".parse().unwrap()].to_vec();
        Places::new(limit, Arc::new(TrustedProxies::new(trusted)))
    }

    fn share(places: &mut Places, peer: &str) -> Option<Share> {
        places.share(SocketAddr::new(peer.parse().unwrap(), 1))
    }

    #[tokio::test]
    async fn a_client_has_a_quarter_and_gets_it_back() {
        let mut places = places(8);
        let first = share(&mut places, "192.0.2.1").unwrap();
        let second = share(&mut places, "192.0.2.1").unwrap();
        assert!(share(&mut places, "192.0.2.1").is_none());
        let other = share(&mut places, "192.0.2.2").unwrap();
        drop(first);
        let third = share(&mut places, "::ffff:192.0.2.1").unwrap();
        assert!(share(&mut places, "192.0.2.1").is_none());
        drop((third, other, second));
        assert!(places.clients.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_network_of_ipv6_is_one_client_and_proxies_are_none() {
        let mut places = places(4);
        let _one = share(&mut places, "2001:db8::1").unwrap();
        assert!(share(&mut places, "2001:db8::2").is_none());
        let _other = share(&mut places, "2001:db8:0:1::1").unwrap();
        for peer in ["127.0.0.1", "::1", "10.1.2.3"] {
            let held: Vec<_> = (0..9).map(|_| share(&mut places, peer)).collect();
            assert!(held.iter().all(Option::is_some), "{peer}");
        }
    }
}
