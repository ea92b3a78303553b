//! The payment provider of `examples/payment`: its program, and the lines that it prints about its
//! deliveries.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use dormouse_harness::ChildGuard;

use crate::program::program_named;
use crate::waiting::wait_until;

/// The provider. It is killed when the test ends.
#[derive(Debug)]
pub struct Provider {
    url: String,
    told: Arc<Mutex<Vec<String>>>,
    _process: ChildGuard,
}

impl Provider {
    /// Starts a provider on a free port. It accepts this key, and signs with this secret.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(api_key: &str, signing_secret: &str) -> Self {
        let mut command = program_named("payment-provider");
        command
            .args(["--port", "0"])
            .env("PAYMENT_API_KEY", api_key)
            .env("PAYMENT_SIGNING_SECRET", signing_secret)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = ChildGuard::spawn(&mut command).unwrap();
        let output = process.child().stdout.take().unwrap();
        let mut lines = BufReader::new(output).lines();
        let first = lines.next().expect("a provider that starts").unwrap();
        let url = first.strip_prefix("listening on ").expect("its URL").into();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let kept = told.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Provider {
            url,
            told,
            _process: process,
        }
    }

    /// Returns the provider's URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the lines that the provider has printed so far, one for each event.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for a printed line with this beginning, and returns the whole line.
    #[track_caller]
    pub fn wait_for(&self, beginning: &str) -> String {
        wait_until(&format!("a provider that tells {beginning:?}"), || {
            self.told()
                .into_iter()
                .find(|line| line.starts_with(beginning))
        })
    }
}
