//! The signed events by which the provider tells the shop about a payment. Each is sent until it is accepted.

use std::fmt::Display;
use std::time::Duration;

use serde_json::{Value, json};

use crate::intents::Intent;
use crate::{machine, signature};

/// The decision of the bank.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Decision {
    Succeeded,
    Failed,
}

/// The time before an event is sent for the second time. It doubles with each failed attempt.
const FIRST_RETRY: Duration = Duration::from_millis(250);

const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// The largest number of attempts. They take about two minutes, so that there is time to start a host again by hand.
/// Real providers try for days.
const ATTEMPTS: u32 = 30;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends all events of a payment, with everything that receivers of events must cope with.
pub(crate) fn send_all(intent: &Intent, decision: Decision, secret: &str) {
    let last = match decision {
        Decision::Succeeded => "succeeded",
        Decision::Failed => "payment_failed",
    };
    // The forged event is from someone who knows the URL but not the secret, and wants the goods for free.
    let forged = Event::of(intent, "forged", "succeeded");
    forged.send("a secret that the forger made up", 1, ", forged", |_| true);
    // The first event is sent second: networks and queues do not keep an order.
    for (number, kind) in [(2, "processing"), (1, "created"), (3, last)] {
        let event = Event::of(intent, number, kind);
        event.send(secret, 1, "", settles);
        event.send(secret, 0, ", once more", settles);
    }
}

struct Event<'a> {
    id: String,
    kind: String,
    intent: &'a Intent,
}

impl<'a> Event<'a> {
    fn of(intent: &'a Intent, name: impl Display, kind: &str) -> Self {
        Event {
            id: format!("evt_{}_{name}", intent.id),
            kind: format!("payment_intent.{kind}"),
            intent,
        }
    }

    /// Returns the body. As with Stripe, `pending_webhooks` is the number of receivers that do not have the event yet,
    /// so a repeated event has another body.
    fn body(&self, pending_webhooks: u8) -> Value {
        json!({
            "id": self.id,
            "object": "event",
            "type": self.kind,
            "data": { "object": self.intent },
            "pending_webhooks": pending_webhooks,
        })
    }

    /// Sends the event until the status of an answer is good enough.
    fn send(&self, secret: &str, pending_webhooks: u8, remark: &str, enough: fn(u16) -> bool) {
        let name = format!("{} {}{remark}", self.id, self.kind);
        let body = self.body(pending_webhooks).to_string();
        let mut delay = FIRST_RETRY;
        for _ in 0..ATTEMPTS {
            match post(&self.intent.webhook_url, secret, &body) {
                Ok((status, text)) => {
                    println!("{name}: {status} {text}");
                    if enough(status) {
                        return;
                    }
                }
                Err(error) => println!("{name}: {error}"),
            }
            machine::pause(delay);
            delay = (delay * 2).min(LONGEST_RETRY);
        }
        println!("{name}: given up after {ATTEMPTS} attempts");
    }
}

/// Returns true if an event is accepted, or if its receiver does not want it any more.
fn settles(status: u16) -> bool {
    matches!(status, 200..=299 | 410)
}

/// Makes one attempt, and returns the answer's status and text. Each attempt has a new signature, since a signature is
/// valid for some minutes only.
fn post(url: &str, secret: &str, body: &str) -> anyhow::Result<(u16, String)> {
    let signature = signature::sign(secret, machine::seconds()?, body)?;
    let mut response = ureq::post(url)
        .header("content-type", "application/json")
        .header(signature::HEADER, signature)
        .config()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build()
        .send(body)?;
    let text = response.body_mut().read_to_string()?;
    Ok((response.status().as_u16(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, channel};

    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;

    use crate::intents::Intents;

    /// Returns a payment whose webhook gives these answers, one after the other. The webhook passes on the signature
    /// and the body of each request.
    fn intent(answers: &'static [u16]) -> (Intent, Receiver<(String, String)>) {
        let (sender, sent) = channel();
        let count = Arc::new(AtomicUsize::new(0));
        let hook = async move |headers: HeaderMap, body: String| {
            let signature = headers[signature::HEADER].to_str().unwrap().to_owned();
            sender.send((signature, body)).unwrap();
            let number = count.fetch_add(1, Ordering::Relaxed);
            StatusCode::from_u16(answers[number]).unwrap()
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let router = Router::new().route("/hook", post(hook));
                axum::serve(listener, router).await.unwrap();
            });
        });
        let wanted = json!({ "amount": 5, "currency": "eur", "webhook_url": url });
        let wanted = serde_json::from_value(wanted).unwrap();
        let made = Intents::default().create("key".into(), wanted, "http://provider");
        (made.unwrap().0, sent)
    }

    #[test]
    fn an_event_is_sent_until_it_is_accepted() {
        let (intent, sent) = intent(&[503, 401, 202]);
        Event::of(&intent, 1, "created").send("a-secret", 1, "", settles);
        let sent: Vec<_> = sent.try_iter().collect();
        assert_eq!(sent.len(), 3);
        for (signature, body) in &sent {
            let (time, _) = signature[2..].split_once(',').unwrap();
            let expected = signature::sign("a-secret", time.parse().unwrap(), body).unwrap();
            assert_eq!(*signature, expected);
            assert_eq!(*body, sent[0].1);
        }
    }

    #[test]
    fn an_event_that_nobody_wants_any_more_is_not_sent_again() {
        let (intent, sent) = intent(&[410]);
        Event::of(&intent, 1, "created").send("a-secret", 1, "", settles);
        assert_eq!(sent.try_iter().count(), 1);
    }
}
