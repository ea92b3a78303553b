//! Well-behaved runs, and the model of the requests that must reach them: each accepted request once, and those of one
//! caller in the order of their acceptance.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::api::{AGAIN, Api, is_not_now, signed};
use crate::faults::FaultLog;
use crate::host::Host;
use crate::http::{Answer, Client};
use crate::samples::Samples;
use crate::time::{Moment, pause};

/// The workflow of the neighbours.
pub(crate) const WORKFLOW: &str = "neighbour";

/// The secret that signs the requests of some neighbours.
pub(crate) const SECRET: &str = "a secret between neighbours";

/// The number of requests that a caller sends to one run, before it sends to the next run.
const REQUESTS: usize = 100;

/// One of this many accepted requests is sent once more. The host must recognise it as a repeat.
const REPEATED: usize = 10;

/// The properties of a neighbour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// True if its webhook checks signatures.
    pub(crate) signed: bool,
    /// True if its workflow answers its callers. The time to the answer is measured.
    pub(crate) answers: bool,
    pub(crate) callers: usize,
    /// The time between two requests of a caller.
    pub(crate) every: Duration,
}

/// The counts of all neighbours.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) tried_again: AtomicU64,
    pub(crate) runs: AtomicU64,
}

/// What all neighbours share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbourhood<'a> {
    pub(crate) host: &'a Host,
    pub(crate) fault_log: &'a FaultLog,
    pub(crate) samples: &'a Samples,
    pub(crate) counts: &'a Counts,
    pub(crate) over: &'a AtomicBool,
}

impl Neighbourhood<'_> {
    /// Starts one run after the other until the storm is over, and checks each run at its end.
    pub(crate) fn live(&self, kind: Kind) {
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            match self.one_run(kind, number) {
                Ok(()) => self.counts.runs.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    let name = kind.name;
                    return self
                        .fault_log
                        .fault(format!("{name}, run {number}: {error:#}"));
                }
            };
        }
    }

    fn one_run(&self, kind: Kind, number: usize) -> anyhow::Result<()> {
        let mut api = Api::new(self.host);
        let key = format!("{}-{number}", kind.name);
        let run = api.start(WORKFLOW, &key, &script(kind))?;
        let hook = api.hook(&run)?;
        let sent: Vec<anyhow::Result<()>> = thread::scope(|scope| {
            let call = |caller| self.call(kind, &hook, caller);
            let threads: Vec<_> = (0..kind.callers)
                .map(|caller| scope.spawn(move || call(caller)))
                .collect();
            let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .map(|sent| sent.unwrap_or_else(|_| Err(anyhow!("a caller panicked"))))
                .collect()
        });
        for sent in sent {
            sent.with_context(|| format!("the run {run}"))?;
        }
        let end = api.end(&run)?;
        ensure!(end["status"] == "completed", "it did not complete: {end}");
        let output = api.retry_until_answered("GET", &format!("/v1/runs/{run}/output"), "", b"")?;
        ensure!(
            output.status == 200,
            "its output is answered {}",
            output.status
        );
        let taken = taken(kind, &output.json())?;
        check(&taken, kind.callers).with_context(|| format!("the run {run}"))
    }

    /// Sends the requests of one caller, each until it is accepted.
    fn call(&self, kind: Kind, hook: &str, caller: usize) -> anyhow::Result<()> {
        let mut client = self.host.client();
        let mut next = Moment::now();
        for number in 0..REQUESTS {
            let body = format!("{caller}/{number}");
            let lines = header_lines(kind, &body);
            self.until_accepted(&mut client, kind, hook, &lines, &body)
                .with_context(|| format!("the request {body}"))?;
            self.counts.accepted.fetch_add(1, Ordering::Relaxed);
            if !kind.answers && number % REPEATED == 0 {
                self.repeat(&mut client, hook, &lines, &body)?;
            }
            next = next.after(kind.every);
            // A delayed caller does not hurry to make up for lost time. When the storm is over, the last requests are
            // sent at once.
            if next.is_past() || self.over.load(Ordering::Relaxed) {
                next = Moment::now();
            } else {
                pause(next.since(Moment::now()));
            }
        }
        Ok(())
    }

    fn until_accepted(
        &self,
        client: &mut Client,
        kind: Kind,
        hook: &str,
        lines: &str,
        body: &str,
    ) -> anyhow::Result<()> {
        let began = Moment::now();
        let mut lost = false;
        for attempt in 0.. {
            let sent = Moment::now();
            let answer = client.send("POST", hook, lines, body.as_bytes());
            match &answer {
                Ok(Answer { status: 200, .. }) if kind.answers => {
                    if attempt == 0 {
                        self.samples.answered(sent);
                    }
                    return Ok(());
                }
                Ok(answer) if answer.status == 202 && !kind.answers => {
                    let is_repeat = answer.json()["duplicate"] == true;
                    ensure!(lost || !is_repeat, "it was new, and answered as a repeat");
                    return Ok(());
                }
                // A host that ends releases its held callers with 202. They ask again.
                Ok(Answer { status: 202, .. }) => lost = true,
                Ok(answer) if is_not_now(answer.status) => {}
                Ok(answer) => bail!("it was answered {} {}", answer.status, answer.text()),
                Err(_) => lost = true,
            }
            if attempt == 0 && kind.answers {
                self.samples.refused(sent);
            }
            self.counts.tried_again.fetch_add(1, Ordering::Relaxed);
            ensure!(
                began.elapsed() < 2 * self.host.timeout,
                "it was not accepted for {:?}; the last answer: {answer:?}",
                began.elapsed()
            );
            pause(AGAIN);
        }
        Ok(())
    }

    /// Sends an accepted request again. The host may be too busy for it, but must not take it for a new one.
    fn repeat(
        &self,
        client: &mut Client,
        hook: &str,
        lines: &str,
        body: &str,
    ) -> anyhow::Result<()> {
        let Ok(answer) = client.send("POST", hook, lines, body.as_bytes()) else {
            return Ok(());
        };
        if !is_not_now(answer.status) {
            let is_known = answer.status == 202 && answer.json()["duplicate"] == true;
            let (status, text) = (answer.status, answer.text());
            ensure!(
                is_known,
                "the repeat of {body} was answered {status} {text}"
            );
            self.counts.repeated.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn script(kind: Kind) -> Value {
    let mut options = if kind.signed { signed() } else { json!({}) };
    let mut take = json!({"wait": "in"});
    if kind.answers {
        options["reply"] = json!({"from-workflow": 60_000});
        take = json!({"seq": [take, {"respond": {"status": 200, "body": "taken"}}]});
    }
    json!({"seq": [
        {"webhook": "in", "options": options},
        {"repeat": REQUESTS * kind.callers, "do": take},
    ]})
}

fn header_lines(kind: Kind, body: &str) -> String {
    let key = format!("idempotency-key: {}\r\n", body.replace('/', "-"));
    if kind.signed {
        format!("{key}x-digest: {}\r\n", sign(SECRET, body))
    } else {
        key
    }
}

/// Returns the signature of a body: its HMAC-SHA-256, in hexadecimal.
fn sign(secret: &str, body: &str) -> String {
    // HMAC accepts a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body.as_bytes());
    let digest = mac.finalize().into_bytes();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the bodies of the requests that a run took, in the order of the run.
fn taken(kind: Kind, output: &Value) -> anyhow::Result<Vec<String>> {
    let taken = output[1].as_array().context("its output is none")?;
    let body = |taken: &Value| {
        let delivery = if kind.answers { &taken[0] } else { taken };
        let encoded = delivery["body"]
            .as_str()
            .context("a delivery has no body")?;
        Ok(String::from_utf8(BASE64_STANDARD.decode(encoded)?)?)
    };
    taken.iter().map(body).collect()
}

/// Checks that all requests of each caller came, once each and in order.
fn check(taken: &[String], callers: usize) -> anyhow::Result<()> {
    let mut next = BTreeMap::<usize, usize>::new();
    for body in taken {
        let (caller, number) = body.split_once('/').context("a strange request")?;
        let (caller, number): (usize, usize) = (caller.parse()?, number.parse()?);
        let next = next.entry(caller).or_default();
        if number < *next {
            bail!("{body} was delivered twice, or after a later one");
        }
        ensure!(
            number == *next,
            "{caller}/{next} was accepted before {body}, and is not delivered"
        );
        *next += 1;
    }
    let all = next.len() == callers && next.values().all(|&count| count == REQUESTS);
    ensure!(
        all,
        "not everything was delivered: {next:?} of {REQUESTS} each"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<String> {
        (0..REQUESTS).map(|number| format!("0/{number}")).collect()
    }

    #[test]
    fn each_once_and_in_order() {
        check(&all(), 1).unwrap();
        check(&all(), 2).unwrap_err();
        let mut doubled = all();
        doubled.insert(5, "0/4".into());
        assert!(
            check(&doubled, 1)
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
        let mut lost = all();
        lost.remove(7);
        assert!(check(&lost, 1).unwrap_err().to_string().contains("0/7"));
        let mut swapped = all();
        swapped.swap(3, 4);
        check(&swapped, 1).unwrap_err();
    }

    /// This is the example in <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
    #[test]
    fn signatures() {
        assert_eq!(
            sign("It's a Secret to Everybody", "Hello, World!"),
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
