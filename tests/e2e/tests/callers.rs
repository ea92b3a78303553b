//! Callers as they are in practice: they repeat a request with the same key until it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use dormouse_e2e::{Answer, Host, Request, Run, SeededRng, pause, request};
use serde_json::Value;

/// Callers that are in no hurry to give up.
pub(crate) struct Callers {
    url: String,
    pub(crate) is_over: AtomicBool,
    pub(crate) attempts: AtomicU32,
}

impl Callers {
    pub(crate) fn of(host: &Host) -> Self {
        Callers {
            url: host.url(),
            is_over: AtomicBool::new(false),
            attempts: AtomicU32::new(0),
        }
    }

    /// Sends it until there is an answer.
    fn send(&self, request: &Request) -> Answer {
        loop {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            match request.clone().try_send() {
                Ok(answer) if answer.status != 503 => return answer,
                _ => pause(Duration::from_millis(3)),
            }
        }
    }

    /// The same with a key, so that it counts once.
    pub(crate) fn send_keyed(&self, hook: &str, call: &str) -> Answer {
        let request = request("POST", hook).header("idempotency-key", call);
        self.send(&request.body(call))
    }

    /// Sends unique requests to these webhooks as long as the host is being killed. Gives what was acknowledged by each.
    pub(crate) fn call(
        &self,
        name: &str,
        hooks: &[String],
        mut rng: SeededRng,
    ) -> Vec<BTreeSet<String>> {
        let mut acknowledged = vec![BTreeSet::new(); hooks.len()];
        for number in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            let call = format!("{name}/{number}");
            let which = usize::try_from(rng.below(hooks.len() as u64)).unwrap();
            match self.send_keyed(&hooks[which], &call).status {
                202 => assert!(acknowledged[which].insert(call)),
                status => assert_eq!(status, 410, "a run that has ended"),
            }
        }
        acknowledged
    }

    pub(crate) fn start(&self, key: &str, input: &Value) -> String {
        let start = request("POST", format!("{}/v1/workflows/script/runs", self.url));
        let answer = self.send(&start.header("idempotency-key", key).json(input));
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
        answer.field("id")
    }

    /// Starts runs as long as the host is being killed, and asks for each twice.
    pub(crate) fn start_runs(&self, script: impl Fn(&str) -> Value) -> BTreeMap<String, String> {
        let mut started = BTreeMap::new();
        for number in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            let key = format!("start {number}");
            let id = self.start(&key, &script(&key));
            assert_eq!(self.start(&key, &script(&key)), id, "one run for a key");
            started.insert(key, id);
            pause(Duration::from_millis(20));
        }
        started
    }

    /// Sends a run an event with each number as long as the host is being killed. An event has no key: one whose answer
    /// was lost may be there twice. Gives how often each was sent.
    pub(crate) fn notify(&self, run: &Run) -> Vec<u32> {
        let path = format!("{}/v1/runs/{}/events/tick", self.url, run.id());
        let mut sent = Vec::new();
        while !self.is_over.load(Ordering::SeqCst) {
            let event = request("POST", &path).body(sent.len().to_string());
            let mut attempts = 1;
            loop {
                match event.clone().try_send() {
                    Ok(answer) if answer.status != 503 => {
                        answer.expect(202);
                        break;
                    }
                    _ => pause(Duration::from_millis(3)),
                }
                attempts += 1;
            }
            self.attempts.fetch_add(attempts, Ordering::Relaxed);
            sent.push(attempts);
        }
        sent
    }

    /// Asks a workflow with this key until it has answered. None when it has ended.
    pub(crate) fn answer(&self, hook: &str, key: &str) -> Option<String> {
        loop {
            let answer = self.send_keyed(hook, key);
            match answer.status {
                200 => return Some(answer.text()),
                // Accepted, and not answered in time.
                202 => pause(Duration::from_millis(3)),
                status => {
                    assert_eq!(status, 410);
                    return None;
                }
            }
        }
    }

    /// Asks with ever new keys, and sometimes once more with an old one, as long as the host is being killed.
    pub(crate) fn ask(
        &self,
        name: &str,
        hook: &str,
        mut rng: SeededRng,
    ) -> BTreeMap<String, String> {
        let mut answers = BTreeMap::new();
        for number in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            let key = format!("{name}-{number}");
            let Some(answer) = self.answer(hook, &key) else {
                break;
            };
            answers.insert(key, answer);
            let old = format!("{name}-{}", rng.below(number + 1));
            assert_eq!(self.answer(hook, &old).as_ref(), answers.get(&old));
            pause(rng.time(5, 20));
        }
        answers
    }
}
