//! One run, seen through the host's API.

use serde_json::Value;

use crate::api::Api;
use crate::http::Answer;
use crate::patience::wait_until;

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    api: Api,
    id: String,
}

impl Run {
    pub(crate) fn new(api: Api, id: String) -> Self {
        Run { api, id }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Asks for something of it, such as `/journal`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.api.request("GET", &self.path(path)).send()
    }

    /// Sends something to it, such as to `/events/NAME`.
    #[track_caller]
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.api.request("POST", &self.path(path)).body(body).send()
    }

    /// What the host says of it.
    #[track_caller]
    pub fn show(&self) -> Value {
        self.get("").expect(200).json()
    }

    /// Its status.
    ///
    /// # Panics
    /// When it has none.
    #[track_caller]
    pub fn status(&self) -> String {
        self.show()["status"].as_str().expect("a status").to_owned()
    }

    /// Waits until it has this status.
    #[track_caller]
    pub fn wait_for_status(&self, status: &str) -> Value {
        wait_until(&format!("a run that is {status}"), || {
            Some(self.show()).filter(|run| run["status"] == status)
        })
    }

    /// Waits until it is suspended in operations with exactly these step names.
    #[track_caller]
    pub fn wait_for_steps(&self, steps: &[&str]) {
        wait_until(&format!("a run that waits in {steps:?}"), || {
            let run = self.show();
            let waiting = run["waiting"].as_array().cloned().unwrap_or_default();
            let found: Vec<&str> = waiting.iter().filter_map(|w| w["step"].as_str()).collect();
            (run["status"] == "suspended" && found == steps).then_some(())
        });
    }

    /// Waits until it has made an operation with this step name. That may have completed since: a sleep does so by itself,
    /// however late the test looks.
    #[track_caller]
    pub fn wait_for_operation(&self, step: &str) {
        wait_until(&format!("an operation {step:?}"), || {
            let operations = self.operations();
            let mut steps = operations.iter().map(|operation| &operation["step"]);
            steps.any(|found| found == step).then_some(())
        });
    }

    /// Waits until it has waited so often for a webhook, or does.
    #[track_caller]
    pub fn wait_for_waits(&self, count: usize) {
        wait_until(&format!("wait {count} for a webhook"), || {
            let operations = self.operations();
            let waits = operations.iter();
            let waits = waits.filter(|operation| operation["kind"] == "wait-for-webhook");
            (waits.count() >= count).then_some(())
        });
    }

    /// Waits until it has ended, in whatever way.
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

    /// Its output as JSON, once it has completed.
    ///
    /// # Panics
    /// When it ends in another way.
    #[track_caller]
    pub fn output(&self) -> Value {
        let run = self.end();
        assert_eq!(run["status"], "completed", "{run:#}");
        self.get("/output").expect(200).json()
    }

    /// Code and message of its failure, once it has failed.
    ///
    /// # Panics
    /// When it ends in another way.
    #[track_caller]
    pub fn failure(&self) -> (String, String) {
        let run = self.end();
        assert_eq!(run["status"], "failed", "{run:#}");
        let text = |name: &str| run["failure"][name].as_str().unwrap_or_default().to_owned();
        (text("code"), text("message"))
    }

    /// Its operations and completions.
    #[track_caller]
    pub fn journal(&self) -> Value {
        self.get("/journal").expect(200).json()
    }

    /// The operations that it has made, in order.
    ///
    /// # Panics
    /// When the host does not tell.
    #[track_caller]
    pub fn operations(&self) -> Vec<Value> {
        let journal = self.journal();
        let activations = journal["activations"].as_array().expect("activations");
        let operations = activations
            .iter()
            .map(|activation| activation["operations"].as_array().expect("operations"));
        operations.flatten().cloned().collect()
    }

    /// Its log.
    #[track_caller]
    pub fn logs(&self) -> Value {
        self.get("/logs").expect(200).json()
    }

    /// Its webhooks.
    #[track_caller]
    pub fn webhooks(&self) -> Value {
        self.get("/webhooks").expect(200).json()
    }

    /// The URL of its webhook with this step name, once it has one.
    #[track_caller]
    pub fn hook(&self, step: &str) -> String {
        wait_until(&format!("a webhook {step:?}"), || {
            let webhooks = self.webhooks();
            let webhooks = webhooks["webhooks"].as_array()?;
            let webhook = webhooks.iter().find(|webhook| webhook["step"] == step)?;
            webhook["url"].as_str().map(str::to_owned)
        })
    }

    /// How many requests its first webhook keeps.
    ///
    /// # Panics
    /// When it has none.
    #[track_caller]
    pub fn queued(&self) -> u64 {
        let webhooks = self.webhooks();
        let queued = webhooks["webhooks"][0]["queued"].as_u64();
        queued.expect("a webhook")
    }

    /// Sends it an event.
    #[track_caller]
    pub fn notify(&self, event: &str, body: impl AsRef<[u8]>) -> Answer {
        self.post(&format!("/events/{event}"), body)
    }

    /// Cancels it.
    #[track_caller]
    pub fn cancel(&self) -> Answer {
        self.post("/cancel", "")
    }

    fn path(&self, path: &str) -> String {
        format!("/v1/runs/{}{path}", self.id)
    }
}
