//! One run, as the host's API shows it.

use serde_json::Value;

use crate::api::Api;
use crate::http::Answer;
use crate::waiting::wait_until;

/// A run of a host.
#[derive(Debug, Clone)]
pub struct Run {
    api: Api,
    id: String,
}

impl Run {
    pub(crate) fn new(api: Api, id: String) -> Self {
        Run { api, id }
    }

    /// Returns the run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends a GET to a path below the run, such as `/journal`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.api.request("GET", &self.path(path)).send()
    }

    /// Sends a POST to a path below the run, such as `/events/NAME`.
    #[track_caller]
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.api.request("POST", &self.path(path)).body(body).send()
    }

    /// Returns the run as the API shows it.
    #[track_caller]
    pub fn show(&self) -> Value {
        self.get("").expect(200).json()
    }

    /// Returns the run's status.
    ///
    /// # Panics
    /// If it has none.
    #[track_caller]
    pub fn status(&self) -> String {
        self.show()["status"].as_str().expect("a status").to_owned()
    }

    /// Waits until the run has this status.
    #[track_caller]
    pub fn wait_for_status(&self, status: &str) -> Value {
        wait_until(&format!("a run that is {status}"), || {
            Some(self.show()).filter(|run| run["status"] == status)
        })
    }

    /// Waits until the run is suspended in operations with exactly these step names.
    #[track_caller]
    pub fn wait_for_steps(&self, steps: &[&str]) {
        wait_until(&format!("a run that waits in {steps:?}"), || {
            let run = self.show();
            let waiting = run["waiting"].as_array().cloned().unwrap_or_default();
            let found: Vec<&str> = waiting.iter().filter_map(|w| w["step"].as_str()).collect();
            (run["status"] == "suspended" && found == steps).then_some(())
        });
    }

    /// Waits until the run has made an operation with this step name. The operation may have completed since then: a
    /// sleep completes by itself, however late the test looks.
    #[track_caller]
    pub fn wait_for_operation(&self, step: &str) {
        wait_until(&format!("an operation {step:?}"), || {
            let operations = self.operations();
            let mut steps = operations.iter().map(|operation| &operation["step"]);
            steps.any(|found| found == step).then_some(())
        });
    }

    /// Waits until the run has made this many waits for webhooks.
    #[track_caller]
    pub fn wait_for_waits(&self, count: usize) {
        wait_until(&format!("wait {count} for a webhook"), || {
            let operations = self.operations();
            let waits = operations.iter();
            let waits = waits.filter(|operation| operation["kind"] == "wait-for-webhook");
            (waits.count() >= count).then_some(())
        });
    }

    /// Waits until the run has ended in any way.
    #[track_caller]
    pub fn end(&self) -> Value {
        wait_until("the end of a run", || {
            let run = self.show();
            let ended = ["completed", "failed", "cancelled"]
                .iter()
                .any(|end| run["status"] == *end);
            ended.then_some(run)
        })
    }

    /// Returns the run's output as JSON, once it has completed.
    ///
    /// # Panics
    /// If it ends in another way.
    #[track_caller]
    pub fn output(&self) -> Value {
        let run = self.end();
        assert_eq!(run["status"], "completed", "{run:#}");
        self.get("/output").expect(200).json()
    }

    /// Returns the code and the message of the run's failure, once it has failed.
    ///
    /// # Panics
    /// If it ends in another way.
    #[track_caller]
    pub fn failure(&self) -> (String, String) {
        let run = self.end();
        assert_eq!(run["status"], "failed", "{run:#}");
        let text = |name: &str| run["failure"][name].as_str().unwrap_or_default().to_owned();
        (text("code"), text("message"))
    }

    /// Returns the run's operations and completions.
    #[track_caller]
    pub fn journal(&self) -> Value {
        self.get("/journal").expect(200).json()
    }

    /// Returns the operations that the run has made, in order.
    ///
    /// # Panics
    /// If the host does not list them.
    #[track_caller]
    pub fn operations(&self) -> Vec<Value> {
        let journal = self.journal();
        let activations = journal["activations"].as_array().expect("activations");
        let operations = activations
            .iter()
            .map(|activation| activation["operations"].as_array().expect("operations"));
        operations.flatten().cloned().collect()
    }

    /// Returns the run's log.
    #[track_caller]
    pub fn logs(&self) -> Value {
        self.get("/logs").expect(200).json()
    }

    /// Returns the run's webhooks.
    #[track_caller]
    pub fn webhooks(&self) -> Value {
        self.get("/webhooks").expect(200).json()
    }

    /// Returns the URL of the run's webhook with this step name, once it has one.
    #[track_caller]
    pub fn hook(&self, step: &str) -> String {
        wait_until(&format!("a webhook {step:?}"), || {
            let webhooks = self.webhooks();
            let webhooks = webhooks["webhooks"].as_array()?;
            let webhook = webhooks.iter().find(|webhook| webhook["step"] == step)?;
            webhook["url"].as_str().map(str::to_owned)
        })
    }

    /// Returns the number of requests that the run's first webhook keeps.
    ///
    /// # Panics
    /// If it has no webhook.
    #[track_caller]
    pub fn queued(&self) -> u64 {
        let webhooks = self.webhooks();
        let queued = webhooks["webhooks"][0]["queued"].as_u64();
        queued.expect("a webhook")
    }

    /// Sends the run an event.
    #[track_caller]
    pub fn notify(&self, event: &str, body: impl AsRef<[u8]>) -> Answer {
        self.post(&format!("/events/{event}"), body)
    }

    /// Cancels the run.
    #[track_caller]
    pub fn cancel(&self) -> Answer {
        self.post("/cancel", "")
    }

    fn path(&self, path: &str) -> String {
        format!("/v1/runs/{}{path}", self.id)
    }
}
