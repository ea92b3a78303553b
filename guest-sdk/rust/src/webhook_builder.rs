//! The options of a webhook, which are set before it is created.

use crate::context::Context;
use crate::contract::webhooks as contract;
use crate::response::Response;
use crate::time::{IntoDuration, contract_millis};
use crate::webhooks::Webhook;

impl Context {
    /// Returns a builder of a webhook with this step name. By default, the webhook answers 202 to POST,
    /// PUT, PATCH and DELETE. It exists until the run ends or it is closed.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let hook = ctx.webhook("approval").create();
    /// # }
    /// ```
    pub fn webhook(&self, step: impl Into<String>) -> WebhookBuilder {
        WebhookBuilder {
            step: step.into(),
            options: contract::WebhookOptions {
                methods: Vec::new(),
                signature: None,
                handshake: None,
                settings: Vec::new(),
                reply: contract::Reply::Accepted,
            },
        }
    }
}

/// A builder of a webhook. [`create`](WebhookBuilder::create) creates the webhook.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # fn example(ctx: Context) {
/// let hook = ctx
///     .webhook("push")
///     .methods(["POST"])
///     .signature(Signature::github(["github-secret"]))
///     .create();
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a webhook is created by `create`"]
pub struct WebhookBuilder {
    step: String,
    options: contract::WebhookOptions,
}

impl WebhookBuilder {
    /// Sets the methods that are delivered. Other methods are answered with 405. GET must be named
    /// explicitly, since link previews and mail scanners send it.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let link = ctx.webhook("link in a mail").methods(["GET"]).create();
    /// # }
    /// ```
    pub fn methods(mut self, methods: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the signature that a request must have. A request without it is answered with 401, and the
    /// run never sees it.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let paid = ctx.webhook("paid").signature(Signature::stripe(["stripe-endpoint"])).create();
    /// # }
    /// ```
    pub fn signature(mut self, signature: Signature) -> Self {
        self.options.signature = Some(signature.0);
        self
    }

    /// Sets the probe by which a provider checks the URL before it uses it. The host answers the probe.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let messages = ctx.webhook("messages").handshake(Handshake::Slack).create();
    /// # }
    /// ```
    pub fn handshake(mut self, handshake: Handshake) -> Self {
        self.options.handshake = Some(handshake.name().into());
        self
    }

    /// Sets the provider whose requests are accepted. The description of the provider, which the host
    /// knows by this name, says how it signs, probes and repeats. `dormouse providers` lists the names.
    /// `secrets` are names of secrets that the host holds. A provider that does not sign needs none.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let orders = ctx.webhook("orders").provider("shopify", ["shopify-secret"]).create();
    /// # }
    /// ```
    pub fn provider(
        mut self,
        name: impl Into<String>,
        secrets: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let name = name.into();
        let signature = Signature::provider(&name, secrets);
        let has_secrets = !signature.0.secrets.is_empty();
        self.options.signature = has_secrets.then_some(signature.0);
        self.options.handshake = Some(name);
        self
    }

    /// Adds the description of a provider that the host does not know, as TOML. Its `name` is the one
    /// to pass to [`provider`](WebhookBuilder::provider).
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context, acme: &str) {
    /// let events = ctx.webhook("events").description(acme).provider("acme", ["acme-secret"]).create();
    /// # }
    /// ```
    pub fn description(self, description: impl Into<String>) -> Self {
        self.setting("description", description.into())
    }

    /// Sets how far the time in a signature may be from the host's time. The default is that of the
    /// provider's description or of the host. The host limits this value.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let late = ctx.webhook("late").provider("stripe", ["stripe"]).tolerance("1h").create();
    /// # }
    /// ```
    #[track_caller]
    pub fn tolerance(self, tolerance: impl IntoDuration) -> Self {
        self.setting("tolerance", contract_millis(tolerance).to_string())
    }

    /// Sets the origins whose pages may send requests to this webhook from a browser.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let form = ctx.webhook("form").cors(["https://www.example.com"]).create();
    /// # }
    /// ```
    pub fn cors(self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter();
        origins.fold(self, |builder, origin| {
            builder.setting("cors", origin.into())
        })
    }

    fn setting(mut self, name: &str, value: String) -> Self {
        self.options.settings.push((name.into(), value));
        self
    }

    /// Answers every caller with this response, as soon as the request is durable.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let thanks = Response::new(200).with_text("Thank you. You can close this window.");
    /// let link = ctx.webhook("link in a mail").methods(["GET"]).reply(thanks).create();
    /// # }
    /// ```
    pub fn reply(mut self, response: Response) -> Self {
        self.options.reply = contract::Reply::Fixed(response.into_contract());
        self
    }

    /// Answers each caller with the response that the workflow passes to
    /// [`Delivery::respond`](crate::Delivery::respond), or with 202 if it has not done so within this
    /// time. The host limits the time, by default to 1 minute.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let questions = ctx.webhook("questions").reply_from_workflow("10s").create();
    /// # }
    /// ```
    #[track_caller]
    pub fn reply_from_workflow(mut self, within: impl IntoDuration) -> Self {
        self.options.reply = contract::Reply::FromWorkflow(contract_millis(within));
        self
    }

    /// Creates the webhook. If options contradict each other, or this host does not support one, the
    /// run fails.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let url = ctx.webhook("approval").create().url().to_owned();
    /// # }
    /// ```
    pub fn create(self) -> Webhook {
        let webhook = contract::create_webhook(&self.step, &self.options);
        Webhook::from_contract(self.step, webhook)
    }
}

/// The check that a request must pass before it is queued. `secrets` are names of secrets that the host
/// holds. Any one of them may match, so that secrets can be rotated.
///
/// ```
/// # use dormouse_sdk::Signature;
/// let rotating = Signature::github(["github-secret", "github-secret-before"]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Signature(contract::Signature);

impl Signature {
    /// Returns the check of Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    ///
    /// ```
    /// # use dormouse_sdk::Signature;
    /// let signature = Signature::standard_webhooks(["svix-secret"]);
    /// ```
    pub fn standard_webhooks(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new("standard-webhooks", secrets)
    }

    /// Returns GitHub's check: `X-Hub-Signature-256`.
    ///
    /// ```
    /// # use dormouse_sdk::Signature;
    /// let signature = Signature::github(["github-secret"]);
    /// ```
    pub fn github(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new("github", secrets)
    }

    /// Returns Stripe's check: `Stripe-Signature`.
    ///
    /// ```
    /// # use dormouse_sdk::Signature;
    /// let signature = Signature::stripe(["stripe-endpoint"]);
    /// ```
    pub fn stripe(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new("stripe", secrets)
    }

    /// Returns Slack's check: `X-Slack-Signature` and `X-Slack-Request-Timestamp`.
    ///
    /// ```
    /// # use dormouse_sdk::Signature;
    /// let signature = Signature::slack(["slack-signing"]);
    /// ```
    pub fn slack(secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new("slack", secrets)
    }

    /// Returns a check of the HMAC-SHA-256 of the body, in the header of this name.
    ///
    /// ```
    /// # use dormouse_sdk::Signature;
    /// let signature = Signature::hmac_sha256(["shop-secret"], "x-shop-digest");
    /// ```
    pub fn hmac_sha256(
        secrets: impl IntoIterator<Item = impl Into<String>>,
        header: impl Into<String>,
    ) -> Self {
        let mut signature = Self::new("hmac-sha256", secrets);
        signature.0.settings.push(("header".into(), header.into()));
        signature
    }

    /// Sets the text before the digest in the header of [`hmac_sha256`](Signature::hmac_sha256).
    ///
    /// ```
    /// # use dormouse_sdk::Signature;
    /// let signature = Signature::hmac_sha256(["shop"], "x-shop-digest").with_prefix("sha256=");
    /// ```
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.0.settings.push(("prefix".into(), prefix.into()));
        self
    }

    /// Returns the check of the provider of this name. The host must have a description of it.
    ///
    /// ```
    /// # use dormouse_sdk::Signature;
    /// let signature = Signature::provider("shopify", ["shopify-secret"]);
    /// ```
    pub fn provider(
        name: impl AsRef<str>,
        secrets: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self::new(name.as_ref(), secrets)
    }

    /// Adds a setting that the provider's description asks for.
    ///
    /// ```
    /// # use dormouse_sdk::Signature;
    /// let signature = Signature::provider("hmac-sha256", ["shop"]).with_setting("header", "x-digest");
    /// ```
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.settings.push((name.into(), value.into()));
        self
    }

    fn new(scheme: &str, secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let secrets = secrets.into_iter().map(Into::into).collect();
        Self(contract::Signature {
            scheme: scheme.into(),
            secrets,
            settings: Vec::new(),
        })
    }
}

/// The probe by which a provider checks a URL before it uses it.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # fn example(ctx: Context) {
/// let changes = ctx.webhook("changes").handshake(Handshake::MicrosoftGraph).create();
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handshake {
    /// Slack's `url_verification`.
    Slack,
    /// Meta's `hub.challenge`.
    Meta,
    /// Microsoft Graph's `validationToken`.
    MicrosoftGraph,
    /// The verification of intent of `WebSub`.
    WebSub,
}

impl Handshake {
    fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Meta => "meta",
            Self::MicrosoftGraph => "microsoft-graph",
            Self::WebSub => "websub",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Reply;

    fn builder() -> WebhookBuilder {
        Context::new().webhook("a")
    }

    #[test]
    fn options_are_empty_unless_set() {
        let WebhookBuilder { step, options } = builder();
        assert_eq!(step, "a");
        assert!(options.methods.is_empty());
        assert_eq!(options.signature, None);
        assert_eq!(options.handshake, None);
        assert_eq!(options.reply, Reply::Accepted);
    }

    #[test]
    fn the_options_of_a_call_arrive() {
        let options = builder()
            .methods(["GET", "POST"])
            .handshake(Handshake::WebSub)
            .options;
        assert_eq!(options.methods, ["GET", "POST"]);
        assert_eq!(options.handshake.as_deref(), Some("websub"));
    }

    #[test]
    fn providers() {
        let options = builder()
            .description("name = \"acme\"")
            .provider("acme", ["one", "two"])
            .tolerance("10m")
            .cors(["https://a.example", "https://b.example"])
            .options;
        let signature = options.signature.unwrap();
        assert_eq!(signature.scheme, "acme");
        assert_eq!(signature.secrets, ["one", "two"]);
        assert_eq!(options.handshake.as_deref(), Some("acme"));
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            options.settings,
            [
                setting("description", "name = \"acme\""),
                setting("tolerance", "600000"),
                setting("cors", "https://a.example"),
                setting("cors", "https://b.example"),
            ]
        );
        let unsigned = builder().provider("microsoft-graph", [""; 0]).options;
        assert_eq!(unsigned.signature, None);
        assert_eq!(unsigned.handshake.as_deref(), Some("microsoft-graph"));
    }

    #[test]
    fn replies() {
        let response = Response::new(200).with_text("ok");
        let fixed = Reply::Fixed(response.clone().into_contract());
        assert_eq!(builder().reply(response).options.reply, fixed);
        assert_eq!(
            builder().reply_from_workflow("10s").options.reply,
            Reply::FromWorkflow(10_000)
        );
    }

    #[test]
    fn signatures() {
        let github = builder()
            .signature(Signature::github(["new", "old"]))
            .options
            .signature;
        let github = github.unwrap();
        assert_eq!(github.scheme, "github");
        assert_eq!(github.secrets, ["new", "old"]);
        assert!(github.settings.is_empty());

        let hmac = Signature::hmac_sha256(["shop"], "x-digest")
            .with_prefix("sha256=")
            .0;
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(hmac.scheme, "hmac-sha256");
        assert_eq!(
            hmac.settings,
            [setting("header", "x-digest"), setting("prefix", "sha256=")]
        );
    }
}
