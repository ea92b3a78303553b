//! The client: the course of one attempt, from the workflow's request to the response or the error.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dormouse_journal::{CallError, Request, Response};
use http::HeaderValue;

use crate::listeners::Listeners;
use crate::mask::Mask;
use crate::outgoing::Outgoing;
use crate::policy::Policy;
use crate::resolve::{Resolve, SystemResolver};
use crate::routes::{Parts, Routes};
use crate::secret::SecretHeader;
use crate::trust::Trust;
use crate::{body, redirect};

/// How calls are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where they may go.
    pub policy: Policy,
    /// The most bytes that a response's body may have.
    pub max_response_bytes: u64,
    /// How long resolving a name and connecting may take together.
    pub connect_timeout: Duration,
    /// The `User-Agent` of requests that have none.
    pub user_agent: HeaderValue,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            policy: Policy::default(),
            max_response_bytes: 16 * 1024 * 1024,
            connect_timeout: Duration::from_secs(10),
            user_agent: HeaderValue::from_static(concat!("dormouse/", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// One attempt of a call.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What is sent.
    pub request: Request,
    /// Headers made from secrets, sent beside the request's own. They go to the URL's origin only: a redirect to another
    /// drops them.
    pub secret_headers: Vec<SecretHeader>,
    /// How long it may take as a whole: resolving, connecting, redirects and the response's last byte included.
    pub timeout: Duration,
    /// How many redirects are followed. The response after the last of them is the result, also when it redirects.
    pub redirects: u32,
    /// The most bytes that the response's body may have; what the settings say when none.
    pub max_response: Option<u64>,
}

/// Sends attempts. It keeps connections for later ones, so a host has one client.
pub struct Client {
    parts: Parts,
    routes: RwLock<Arc<Routes>>,
    max_response_bytes: u64,
    user_agent: HeaderValue,
}

impl Client {
    /// A client with the system's resolver and its root certificates. Without root certificates it works for `http`
    /// URLs, and says at each `https` URL what is missing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::assemble(settings, Arc::new(SystemResolver), Trust::system())
    }

    pub(crate) fn assemble(settings: Settings, resolver: Arc<dyn Resolve>, trust: Trust) -> Self {
        let parts = Parts {
            policy: settings.policy,
            resolver,
            trust,
            connect_timeout: settings.connect_timeout,
        };
        Client {
            routes: RwLock::new(Arc::new(Routes::new(&parts, Listeners::default()))),
            parts,
            max_response_bytes: settings.max_response_bytes,
            user_agent: settings.user_agent,
        }
    }

    /// Says where the host itself listens: there calls may reach `/hooks/` paths only, whatever the policy. To be called
    /// before the first attempt is sent. Connections kept from before are not used again, since one of them may lead to
    /// such a place.
    pub fn set_listeners(&self, addresses: Vec<SocketAddr>) {
        let routes = Arc::new(Routes::new(&self.parts, Listeners::new(addresses)));
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    /// Makes the attempt. Any status is a response; an error means that there is none. Dropping the future ends the
    /// attempt, which may have arrived.
    ///
    /// What comes back repeats no secret of the attempt's, be it a response or an error.
    pub async fn send(&self, attempt: Attempt) -> Result<Response, CallError> {
        let mask = Mask::new(&attempt.secret_headers)?;
        let timeout = attempt.timeout;
        tokio::time::timeout(timeout, self.exchange(attempt, &mask))
            .await
            .unwrap_or(Err(CallError::TimedOut))
            .map_err(|error| mask.error(error))
    }

    async fn exchange(&self, attempt: Attempt, mask: &Mask) -> Result<Response, CallError> {
        let routes = self.routes();
        let limit = attempt.max_response.unwrap_or(self.max_response_bytes);
        let mut outgoing =
            Outgoing::check(attempt.request, &attempt.secret_headers, &self.user_agent)?;
        let mut redirects = attempt.redirects;
        loop {
            let response = routes.send(&outgoing).await?;
            let next = match redirects {
                0 => None,
                _ => redirect::next(&outgoing, response.status(), response.headers(), mask)?,
            };
            match next {
                Some(next) => outgoing = next,
                None => return body::read(&outgoing, response, limit, mask).await,
            }
            redirects -= 1;
        }
    }

    fn routes(&self) -> Arc<Routes> {
        self.routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
