//! The course of one attempt, from the workflow's request to the response or the error.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dormouse_journal::{CallError, Response};
use dormouse_limits::Part;
use dormouse_seams::Attempt;
use http::HeaderValue;
use tokio::sync::Semaphore;

use crate::listeners::Listeners;
use crate::lookups::ON_BEHALF_OF;
use crate::mask::Mask;
use crate::outgoing::Outgoing;
use crate::policy::Policy;
use crate::resolve::{Resolve, SystemResolver};
use crate::routes::{Parts, Routes};
use crate::trust::Trust;
use crate::{body, redirect};

/// The settings of a [`Client`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// The policy that says where calls may go.
    pub policy: Policy,
    /// How long resolving a name and connecting may take together.
    pub connect_timeout: Duration,
    /// The `User-Agent` of requests whose workflow sets none.
    pub user_agent: HeaderValue,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            policy: Policy::default(),
            connect_timeout: Duration::from_secs(10),
            user_agent: HeaderValue::from_static(concat!("dormouse/", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// Makes attempts at calls. It keeps connections for later attempts, so a host needs one client only.
pub struct Client {
    parts: Parts,
    routes: RwLock<Arc<Routes>>,
    user_agent: HeaderValue,
    masking: Semaphore,
}

/// The number of large responses that are searched for secrets at the same time.
const MASKED_AT_ONCE: usize = 1;

impl Client {
    /// Returns a client that uses the system's resolver and root certificates. If the system has no root certificates,
    /// `http` URLs can be called, and calls of `https` URLs fail with an error that says what is missing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::assemble(
            settings,
            Arc::new(SystemResolver::default()),
            Trust::system(),
        )
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
            user_agent: settings.user_agent,
            masking: Semaphore::new(MASKED_AT_ONCE),
        }
    }

    /// Sets the addresses on which the host itself listens. Calls may reach only `/hooks/` paths there, whatever the
    /// policy says. This must be called before the first attempt is made. Connections that were made before are not used
    /// again, since one of them may lead to a listener.
    pub fn set_listeners(&self, addresses: Vec<SocketAddr>) {
        let routes = Arc::new(Routes::new(&self.parts, Listeners::new(addresses)));
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    /// Makes an attempt. A response with any status is a success. If the future is dropped, the attempt ends, though
    /// the request may have arrived.
    ///
    /// Secrets of the attempt are masked in the response and in the error.
    ///
    /// # Errors
    /// If there is no response, or none that may be shown to the workflow.
    pub async fn send(&self, attempt: Attempt) -> Result<Response, CallError> {
        let mask = Arc::new(Mask::new(&attempt.secret_headers)?);
        let timeout = attempt.timeout;
        let whose = attempt.on_behalf_of.clone();
        let exchange = ON_BEHALF_OF.scope(whose, self.exchange(attempt, &mask));
        tokio::time::timeout(timeout, exchange)
            .await
            .unwrap_or(Err(CallError::TimedOut))
            .map_err(|error| mask.error(error))
    }

    async fn exchange(&self, attempt: Attempt, mask: &Arc<Mask>) -> Result<Response, CallError> {
        let routes = self.routes();
        let (limit, memory) = (attempt.max_response, attempt.memory);
        let mut outgoing = Outgoing::check(
            attempt.request,
            attempt.large_body,
            &attempt.secret_headers,
            &self.user_agent,
        )?;
        let mut redirects = attempt.redirects;
        loop {
            let response = routes.send(&outgoing).await?;
            let next = match redirects {
                0 => None,
                _ => redirect::next(&outgoing, response.status(), response.headers(), mask)?,
            };
            match next {
                Some(next) => outgoing = next,
                None => {
                    let memory = memory.begin(Part::Calls);
                    let masking = (mask, &self.masking);
                    return body::read(&outgoing, response, limit, masking, memory).await;
                }
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
