//! The interface `webhooks`: creating and closing webhooks, waiting for deliveries, and answering their callers.

use dormouse_journal::{self as journal, Arguments, Beginning, Kind, Outcome, WebhookNumber};
use dormouse_limits::WEBHOOKS;
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::dormouse::workflow::webhooks::{
    Delivery, Duration, Host, HostWithStore, Response, Webhook, WebhookOptions,
};
use crate::guest::Guest;
use crate::limits;
use crate::settings;
use crate::state::State;
use crate::stop::Stop;
use crate::wait::Wait;
use crate::webhook_options;

impl Host for Guest {
    fn create_webhook(
        &mut self,
        step: String,
        options: WebhookOptions,
    ) -> wasmtime::Result<Webhook> {
        let mut state = self.shared.lock();
        state.check_outside_step("create-webhook")?;
        let options = webhook_options::checked(options)?;
        // Options that were accepted once are accepted in every replay, even if the description is gone.
        if state.cursor.is_live() {
            webhook_options::check_providers(&options, &state.providers)?;
            webhook_options::check_size(&options, state.webhooks_in_store())?;
        }
        state.check_value("the options", webhook_options::size(&options))?;
        let webhook = state.webhooks.next(&step, &options);
        if state.cursor.is_live() {
            let have = state.webhooks_of_generation();
            limits::check_count("webhooks", have, state.host_limits.webhooks, WEBHOOKS)?;
        }
        let takes_answers = matches!(options.reply, journal::Reply::FromWorkflow(_));
        let (urls, run) = (state.urls.clone(), state.run.id);
        let arguments = Arguments::CreateWebhook(options.clone());
        let issued = state.issue("create-webhook", &step, &arguments, |_| {
            Kind::CreateWebhook {
                webhook,
                url: urls.url(run, webhook),
                options,
            }
        })?;
        match issued.kind {
            Kind::CreateWebhook { webhook, url, .. } => {
                let is_new = !issued.recorded || state.cursor.is_open_live();
                state.webhooks.create(webhook, is_new);
                if takes_answers {
                    state.answers.expect(webhook);
                }
                Ok(Webhook {
                    id: webhook.to_string(),
                    url,
                })
            }
            other => Err(Stop::Host(format!(
                "operation {} has the digest of `create-webhook` and is recorded as `{}`",
                issued.number,
                other.name()
            ))
            .into()),
        }
    }

    fn respond(
        &mut self,
        step: String,
        delivery_id: String,
        response: Response,
    ) -> wasmtime::Result<()> {
        let mut state = self.shared.lock();
        state.check_outside_step("respond")?;
        state.answers.check(&delivery_id)?;
        let response = journal::Response::from(response);
        dormouse_webhook::check_response(&response)
            .map_err(|text| Stop::Misuse(format!("`respond`: {text}")))?;
        state.check_value("the response", webhook_options::response_size(&response))?;
        let kind = Kind::Respond {
            delivery: delivery_id.clone(),
            status: response.status,
        };
        let arguments = Arguments::Respond {
            delivery: delivery_id.clone(),
            response,
        };
        let issued = state.issue("respond", &step, &arguments, |_| kind)?;
        state.add_effect(&issued, arguments);
        state.answers.answered(&delivery_id);
        Ok(())
    }

    fn close_webhook(&mut self, step: String, webhook_id: String) -> wasmtime::Result<()> {
        let mut state = self.shared.lock();
        state.check_outside_step("close-webhook")?;
        let webhook = state.webhook("close-webhook", &webhook_id)?;
        let arguments = Arguments::CloseWebhook(webhook);
        let kind = Kind::CloseWebhook { webhook };
        state.issue("close-webhook", &step, &arguments, |_| kind)?;
        Ok(())
    }
}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn wait_for_webhook(
        accessor: &Accessor<Guest, Self>,
        step: String,
        webhook_id: String,
        timeout: Option<Duration>,
    ) -> wasmtime::Result<Option<Delivery>> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        let webhook = shared.lock().webhook("wait-for-webhook", &webhook_id)?;
        let arguments = Arguments::WaitForWebhook { webhook, timeout };
        let kind = Kind::WaitForWebhook { webhook, timeout };
        let wait = Wait::start(&shared, "wait-for-webhook", step, arguments, kind)?;
        let delivery = wait.outcome(|outcome| match outcome {
            Outcome::Delivery(delivery) => Some(delivery),
            _ => None,
        });
        let delivery = delivery.await?;
        if let Some(delivery) = &delivery {
            shared.lock().answers.delivered(webhook, &delivery.id);
        }
        Ok(delivery.map(Delivery::from))
    }
}

impl State {
    /// Returns the webhook with this id, or stops a guest that has not created it.
    pub(crate) fn webhook(&self, import: &str, id: &str) -> Result<WebhookNumber, Stop> {
        let number = id.parse().ok().map(WebhookNumber);
        number
            .filter(|webhook| self.has_webhook(*webhook) && webhook.to_string() == id)
            .ok_or_else(|| {
                Stop::Misuse(format!(
                    "`{import}` was called with the webhook id {}, which this run has not created, or has not kept; \
                     pass the `id` that `create-webhook` or `kept-webhooks` gave",
                    settings::shown(id)
                ))
            })
    }

    /// Returns the number of webhooks that this generation has taken over and created.
    pub(crate) fn webhooks_of_generation(&self) -> usize {
        let (created, _) = self.webhooks.count();
        created.saturating_add(self.beginning.kept.len())
    }

    /// Returns the number of webhooks that the run has, including those that it had before it was taken back.
    pub(crate) fn webhooks_in_store(&self) -> usize {
        let (_, earlier) = self.webhooks.count();
        self.webhooks_of_generation().saturating_add(earlier)
    }

    /// Returns true if this generation has created the webhook or taken it over.
    fn has_webhook(&self, webhook: WebhookNumber) -> bool {
        let Beginning {
            first_webhook,
            kept,
            ..
        } = &self.beginning;
        if webhook < *first_webhook {
            kept.binary_search_by_key(&webhook, |kept| kept.number)
                .is_ok()
        } else {
            self.webhooks.has(webhook)
        }
    }
}
