//! A workflow that uses only the bindings, like one in a language without an SDK.

#![expect(
    unsafe_code,
    missing_docs,
    reason = "the generated bindings pass memory to the host by pointer, and their documentation is the WIT's"
)]

wit_bindgen::generate!({ world: "workflow", path: "../../../wit" });

use dormouse::workflow::context::{Level, log};
use dormouse::workflow::webhooks::{Reply, WebhookOptions, create_webhook, wait_for_webhook};

struct Bare;

impl Guest for Bare {
    async fn run(_input: Payload) -> Result<Payload, Failure> {
        let options = WebhookOptions {
            methods: Vec::new(),
            signature: None,
            handshake: None,
            reply: Reply::Accepted,
            settings: Vec::new(),
        };
        let webhook = create_webhook("bare", &options);
        log(Level::Info, &webhook.url);

        let delivery = wait_for_webhook("bare".into(), webhook.id, None).await;
        let Some(delivery) = delivery else {
            return Err(Failure {
                code: "no-delivery".into(),
                message: "the wait has no timeout, and ended without a request".into(),
            });
        };
        Ok(Payload {
            content_type: content_type(&delivery.request.headers),
            body: delivery.request.body,
        })
    }
}

export!(Bare);

/// Returns the content type, or an empty text if the caller gave none or one that is not text.
fn content_type(headers: &[(String, Vec<u8>)]) -> String {
    let header = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let value = header.and_then(|(_, value)| str::from_utf8(value).ok());
    value.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&str, &[u8])], expected: &str) {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        assert_eq!(content_type(&headers), expected);
    }

    #[test]
    fn the_first_content_type_counts() {
        check(
            &[
                ("a", b"b"),
                ("Content-Type", b"image/png"),
                ("content-type", b"c"),
            ],
            "image/png",
        );
        check(&[("a", b"b")], "");
        check(&[("content-type", b"\xff")], "");
    }
}
