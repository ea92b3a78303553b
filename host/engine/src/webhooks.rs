//! The interface `webhooks`.

use dormouse_journal::{self as journal, Arguments, Kind, Outcome, WebhookNumber};
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::dormouse::workflow::webhooks::{
    Delivery, Duration, Handshake, Host, HostWithStore, Reply, Response, Webhook, WebhookOptions,
};
use crate::failure::Stop;
use crate::limits::{self, Setting};
use crate::shared::{Guest, State};

/// Methods that the host answers itself, or that no client sends to a webhook.
const REFUSED: [&str; 4] = ["HEAD", "OPTIONS", "CONNECT", "TRACE"];

/// More methods than anybody has, and longer names than any.
const METHODS: usize = 32;
const METHOD_LENGTH: usize = 32;

impl Host for Guest {
    fn create_webhook(
        &mut self,
        step: String,
        options: WebhookOptions,
    ) -> wasmtime::Result<Webhook> {
        let mut state = self.shared.lock();
        state.outside_step("create-webhook")?;
        let options = checked(options)?;
        let webhook = WebhookNumber(state.webhooks);
        if state.cursor.is_live() {
            let have = usize::try_from(state.webhooks)?;
            limits::count(
                "webhooks",
                have,
                state.allowance.webhooks,
                Setting::Webhooks,
            )?;
        }
        let (urls, run) = (state.urls.clone(), state.run.id);
        let arguments = Arguments::CreateWebhook(options.clone());
        let issued = state.issue("create-webhook", &step, &arguments, |_| {
            Kind::CreateWebhook {
                webhook,
                url: urls.url(run, webhook),
                options,
            }
        })?;
        state.webhooks += 1;
        match issued.kind {
            Kind::CreateWebhook { webhook, url, .. } => Ok(Webhook {
                id: webhook.to_string(),
                url,
            }),
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
        _step: String,
        delivery_id: String,
        _response: Response,
    ) -> wasmtime::Result<()> {
        self.shared.lock().outside_step("respond")?;
        Err(Stop::Misuse(format!(
            "`respond` was called for the delivery {delivery_id:?}, which takes no answer: it is not one of this run, \
             or its webhook replies `accepted`, so that its caller was answered long ago. Webhooks that reply \
             `from-workflow` are not available in this version of the host"
        ))
        .into())
    }

    fn close_webhook(&mut self, step: String, webhook_id: String) -> wasmtime::Result<()> {
        let mut state = self.shared.lock();
        state.outside_step("close-webhook")?;
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
        let wait = shared.wait("wait-for-webhook", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::Delivery(delivery) => Some(delivery.map(Delivery::from)),
            _ => None,
        })
        .await
    }
}

impl State {
    /// The webhook that has this id.
    fn webhook(&self, import: &str, id: &str) -> Result<WebhookNumber, Stop> {
        let number = id.parse().ok().filter(|number| *number < self.webhooks);
        number
            .map(WebhookNumber)
            .filter(|webhook| webhook.to_string() == id)
            .ok_or_else(|| {
                Stop::Misuse(format!(
                    "`{import}` was called with the webhook id {id:?}, which this run has not created; pass the `id` \
                     that `create-webhook` gave"
                ))
            })
    }
}

/// The options as they are recorded, if this host does what they ask.
fn checked(options: WebhookOptions) -> Result<journal::WebhookOptions, Stop> {
    let unavailable = |what: &str, instead: &str| {
        Err(Stop::Unsupported(format!(
            "`create-webhook` was asked for {what}, which is not available in this version of the host; {instead}"
        )))
    };
    if options.signature.is_some() {
        return unavailable(
            "a signature check",
            "pass none, and check the signature in the workflow, which sees the raw body and every header",
        );
    }
    if !matches!(options.handshake, Handshake::None) {
        return unavailable("a handshake", "pass `none`");
    }
    match options.reply {
        Reply::Accepted => {}
        Reply::Fixed(_) => return unavailable("the reply `fixed`", "pass `accepted`"),
        Reply::FromWorkflow(_) => {
            return unavailable("the reply `from-workflow`", "pass `accepted`");
        }
    }
    check_methods(&options.methods)?;
    Ok(journal::WebhookOptions {
        methods: options.methods,
        ..journal::WebhookOptions::default()
    })
}

fn check_methods(methods: &[String]) -> Result<(), Stop> {
    if methods.len() > METHODS {
        return Err(Stop::Misuse(format!(
            "`create-webhook` was given {} methods; it takes at most {METHODS}",
            methods.len()
        )));
    }
    for method in methods {
        if REFUSED.contains(&method.as_str()) {
            return Err(Stop::Misuse(format!(
                "`create-webhook` was given the method {method}, which is never delivered: the host answers it itself. \
                 Take it off the list"
            )));
        }
        if !is_method(method) {
            return Err(Stop::Misuse(format!(
                "`create-webhook` was given the method {method:?}; a method is a word in capitals, such as `POST`"
            )));
        }
    }
    Ok(())
}

/// Whether this is a token of RFC 9110 without small letters.
fn is_method(method: &str) -> bool {
    let is_token = |byte: u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    (1..=METHOD_LENGTH).contains(&method.len()) && method.bytes().all(is_token)
}
