//! The example `payment` with its provider, whose events are signed, repeated and forged as the example's README says.

use std::time::Duration;

use dormouse_e2e::{
    Answer, Cli, Host, Provider, Run, Stopwatch, post, request, wait_until, with_enough_time,
};
use serde_json::{Value, json};

/// Any key is as good as another.
const SECRET_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

const API_KEY: &str = "a-made-up-api-key";
const SIGNING_SECRET: &str = "a-made-up-signing-secret";

/// Longer than any test takes.
const LONG: u64 = 600_000;

const README: &str = include_str!("../../../examples/payment/README.md");

/// Returns the example of an output that the README gives.
fn documented_output() -> Value {
    let (_, output) = README.split_once("## Output").unwrap();
    let (_, json) = output.split_once("```json\n").unwrap();
    let (json, _) = json.split_once("```").unwrap();
    serde_json::from_str(json).unwrap()
}

/// A shop with a provider that knows these two values, and an example that is given the right ones.
struct Shop {
    host: Host,
    provider: Provider,
}

impl Shop {
    fn with_provider(provider: Provider) -> Self {
        let host = Host::with_environment(
            &[("DORMOUSE_SECRET_KEY", SECRET_KEY)],
            &["--allow-private-egress"],
        );
        host.deploy("payment", "payment");
        let cli = Cli::of(&host);
        let set = |name, value: &str, uses: &[&str]| {
            let command = ["secret", "set", name, "--workflow", "payment"];
            cli.feed(value.as_bytes(), &[&command, uses].concat()).ok();
        };
        set("payment-signing", SIGNING_SECRET, &["--verify"]);
        set("payment-api-key", API_KEY, &["--send-to", provider.url()]);
        Shop { host, provider }
    }

    fn open() -> Self {
        Shop::with_provider(Provider::start(API_KEY, SIGNING_SECRET))
    }

    fn start(&self, deadline_ms: u64) -> Run {
        let input = json!({
            "provider_url": self.provider.url(), "price": 1200, "currency": "eur", "deadline_ms": deadline_ms,
        });
        self.host.start_run("payment", &input)
    }

    /// Returns how many reports of the provider begin with this text.
    fn times(&self, beginning: &str) -> usize {
        let told = self.provider.told();
        told.iter()
            .filter(|line| line.starts_with(beginning))
            .count()
    }
}

/// Orders this many pieces. If the workflow does not answer within its 10 s, the order is sent again.
fn order(run: &Run, quantity: u32) -> Answer {
    let order = request("POST", run.hook("checkout"))
        .header("idempotency-key", format!("order-of-{quantity}"))
        .json(&json!({ "quantity": quantity }));
    wait_until("an answer to an order", || {
        Some(order.clone().send()).filter(|answer| answer.status != 202)
    })
}

/// Orders two, and gives where they are paid.
fn order_two(run: &Run) -> String {
    order(run, 2).expect(201).field("payAt")
}

#[test]
fn a_payment_lives_through_crashes_and_a_provider_that_repeats_itself() {
    let mut shop = Shop::open();
    let run = shop.start(LONG);
    let refused = order(&run, 0).expect(422);
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(refused.json()["detail"], "1 to 10 can be ordered, not 0");
    post(run.hook("checkout"), "two, please").expect(422);

    let ordered = order(&run, 2).expect(201).json();
    let pay_at = format!("{}/pay/pi_1", shop.provider.url());
    assert_eq!(
        ordered,
        json!({"payment": "pi_1", "amount": 2400, "payAt": pay_at})
    );
    shop.host.restart();
    assert_eq!(order(&run, 2).expect(201).json(), ordered);
    assert_eq!(shop.times("pi_1: asked"), 1);
    order(&run, 3).expect(410);

    // The customer pays while the shop is down, so the provider has to try again.
    shop.host.kill();
    post(&pay_at, "").expect(200);
    shop.provider
        .wait_for("evt_pi_1_forged payment_intent.succeeded, forged: io");
    shop.host.resume();
    assert_eq!(run.output(), documented_output());

    shop.provider
        .wait_for("evt_pi_1_3 payment_intent.succeeded, once more: 202");
    let forged = shop
        .provider
        .wait_for("evt_pi_1_forged payment_intent.succeeded, forged: 401");
    assert!(forged.contains("signature-wrong"), "{forged}");
    for event in [
        "2 payment_intent.processing",
        "1 payment_intent.created",
        "3 payment_intent.succeeded",
    ] {
        let first = shop.provider.wait_for(&format!("evt_pi_1_{event}: 202"));
        let again = shop
            .provider
            .wait_for(&format!("evt_pi_1_{event}, once more: 202"));
        assert!(first.contains(r#""duplicate":false"#), "{first}");
        assert!(again.contains(r#""duplicate":true"#), "{again}");
    }
}

#[test]
fn a_payment_is_declined() {
    let shop = Shop::open();
    let run = shop.start(LONG);
    post(format!("{}/decline", order_two(&run)), "").expect(200);
    let output = run.output();
    assert_eq!(output["outcome"], "failed");
    assert_eq!(
        output["events"],
        json!(["evt_pi_1_2", "evt_pi_1_1", "evt_pi_1_3"])
    );
}

#[test]
fn a_payment_that_nobody_makes_expires_and_cannot_be_made_any_more() {
    let shop = Shop::open();
    let run = shop.start(1_000);
    let pay_at = order_two(&run);
    let expected = json!({"outcome": "expired", "amount": 2400, "currency": "eur", "events": []});
    assert_eq!(run.output(), expected);
    assert_eq!(shop.times("pi_1: cancelled"), 1);
    let late = post(pay_at, "").expect(400);
    assert!(late.text().contains("Canceled"), "{}", late.text());
}

#[test]
fn a_refusal_of_the_provider_is_the_answer_to_the_order() {
    let shop = Shop::with_provider(Provider::start("another-api-key", SIGNING_SECRET));
    let run = shop.start(LONG);
    let refused = order(&run, 2).expect(502).json();
    assert_eq!(refused["title"], "The payment cannot be taken");
    assert_eq!(run.failure().0, "http-status");
    assert!(!refused.to_string().contains(API_KEY), "{refused}");
}

#[test]
fn events_signed_with_another_secret_are_not_seen() {
    with_enough_time("a payment before its deadline", 3_000, |deadline| {
        let shop = Shop::with_provider(Provider::start(API_KEY, "another-signing-secret"));
        let run = shop.start(deadline);
        let watch = Stopwatch::start();
        let paid = post(order_two(&run), "");
        if watch.elapsed() >= Duration::from_millis(deadline) {
            return None;
        }
        paid.expect(200);
        shop.provider
            .wait_for("evt_pi_1_2 payment_intent.processing: 401");
        // The provider has the money, so that the payment can no longer be cancelled: somebody has to look at it.
        let (code, message) = run.failure();
        assert_eq!(code, "http-status");
        assert!(message.contains("Processing"), "{message}");
        Some(())
    });
}
