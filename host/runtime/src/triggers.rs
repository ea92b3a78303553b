//! Triggers: from an accepted request to a run, and the answer for the caller.
//!
//! The checks are those of a webhook (`webhooks`). The commit that makes the request durable also decides what it does:
//! it starts a run, is sent to the run that has its key, or repeats another request. A caller that wants the run's
//! output is held until the run ends, like a caller that waits for a workflow's answer.

use std::sync::Arc;

use dormouse_engine::WASM_STACK;
use dormouse_journal::{
    Channel, GuestLimits, Header, KeyMissing, Payload, Reply, Request, Response, RunId, Status,
    Until, WebhookNumber,
};
use dormouse_limits::Limits;
use dormouse_seams::{Entropy, HostClock};
use dormouse_store::{
    FireTrigger, Following, MailLimits, RememberedKey, Run, RunView, State, Store, TriggerCalled,
    TriggerFired, TriggerRefused, WriteError,
};
use dormouse_webhook::{TriggerToken, labels_of, value_at};

use crate::hint::{EarlyStart, Hint};
use crate::rates::Rates;
use crate::received::{Received, Refusal, TriggerAnswer, TriggerOutcome};
use crate::replies::{Replies, answered};
use crate::run_ids::RunIds;
use crate::storage::storage_limits;
use crate::wake::Wake;
use crate::watchers::Watchers;

/// Takes requests to triggers.
pub(crate) struct Triggers {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) wake: Wake,
    pub(crate) ids: Arc<RunIds>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) rates: Arc<Rates>,
    pub(crate) limits: Arc<Limits>,
}

/// A request to a trigger that has passed the checks.
pub(crate) struct Arrival {
    pub(crate) token: TriggerToken,
    pub(crate) called: TriggerCalled,
    pub(crate) request: Request,
    /// The headers without credentials and proofs, as the run may see them.
    pub(crate) shown: Vec<Header>,
    /// The key by which a repeat of the delivery is recognised.
    pub(crate) remembered: Option<RememberedKey>,
    /// The answer that the provider wants, used if the trigger does not set another one.
    pub(crate) accepted: Option<Response>,
    /// Why the request is refused unless it repeats another.
    pub(crate) head_refusal: Option<Refusal>,
}

/// Returns the run and the webhook under which the held callers and the rate of a trigger are counted: webhook 0 of a
/// run that has the trigger's id. The ids of triggers and of runs are made in the same way, so there is no such run.
pub(crate) fn counted_as(token: TriggerToken) -> (RunId, WebhookNumber) {
    (RunId(token.trigger.0), WebhookNumber(0))
}

impl Triggers {
    /// Makes a request durable, and returns the answer for its caller. If the answer is the run's output, this waits
    /// for the run, within limits.
    pub(crate) async fn receive(&self, arrival: Arrival) -> Result<Received, Refusal> {
        let reply = arrival.called.trigger.options.webhook.reply.clone();
        let (token, head_refusal) = (arrival.token, arrival.head_refusal.clone());
        let accepted = arrival.accepted.clone();
        let firing = self.fire_trigger(arrival)?;
        if let Reply::FromWorkflow(within) = reply {
            return self
                .accept_and_hold(token, firing, head_refusal, within)
                .await;
        }
        let (id, came) = self.accept(token, firing, head_refusal).await?;
        Ok(received(
            id,
            came,
            match reply {
                Reply::Fixed(response) => TriggerAnswer::Response(response),
                Reply::Accepted | Reply::FromWorkflow(_) => {
                    accepted.map_or(TriggerAnswer::Acknowledged, TriggerAnswer::Response)
                }
            },
        ))
    }

    /// Returns what the store is asked to do with a request.
    fn fire_trigger(&self, arrival: Arrival) -> Result<FireTrigger, Refusal> {
        let Arrival {
            token,
            called,
            request,
            shown,
            remembered,
            ..
        } = arrival;
        let options = called.trigger.options;
        let key = options.key.as_ref();
        let value = key.and_then(|place| value_at(place, &request));
        if let (Some(place), None, KeyMissing::Refuse) = (key, &value, options.key_missing) {
            return Err(Refusal::KeyMissing(place.clone()));
        }
        let content_type = content_type(&request);
        let mut random = [0; 32];
        self.entropy.fill(&mut random);
        let limits = &self.limits;
        Ok(FireTrigger {
            trigger: token.trigger,
            rotation: token.rotation,
            workflow: options.workflow,
            run: self.ids.next(self.clock.now()),
            random,
            guest: GuestLimits {
                memory: limits.memory,
                stack: WASM_STACK as u64,
            },
            labels: labels_of(&options.labels, &request),
            input: Payload {
                content_type,
                body: request.body,
            },
            method: request.method,
            url: request.url,
            headers: shown,
            key: value.map(|value| sha256(&value)),
            remembered,
            remember: limits.duplicate_window,
            mail: MailLimits::of_keyed(storage_limits(limits), limits.body, limits.inbox),
        })
    }

    /// Makes a request durable, unless it is refused or exceeds the rate. A repeat is recognised in any case, by a
    /// read. Returns the run that the request belongs to.
    async fn accept(
        &self,
        token: TriggerToken,
        firing: FireTrigger,
        head_refusal: Option<Refusal>,
    ) -> Result<(RunId, TriggerOutcome), Refusal> {
        let (own, webhook) = counted_as(token);
        let refusal = head_refusal.or_else(|| {
            let admitted = self.rates.admit(own, webhook, self.clock.now());
            admitted.err().map(Refusal::Rate)
        });
        let run = firing.run;
        let fired = match (refusal, firing.remembered) {
            (None, _) => self.accept_and_wake(firing).await?,
            (Some(refusal), None) => return Err(refusal),
            (Some(refusal), Some(key)) => {
                let repeat = self.store.trigger_repeat(token.trigger, key).await?;
                repeat.ok_or(refusal)?
            }
        };
        match fired {
            TriggerFired::Started { .. } => {
                tracing::debug!(%run, trigger = %token.trigger, "a run was started by a trigger");
                Ok((run, TriggerOutcome::Started))
            }
            TriggerFired::Sent { run, event } => {
                self.wake.wake(run, Hint::Channel(Channel::Event(event)));
                Ok((run, TriggerOutcome::Sent))
            }
            TriggerFired::Existing(run) => Ok((run, TriggerOutcome::Existing)),
            TriggerFired::Repeat(run) => Ok((run, TriggerOutcome::Repeat)),
            TriggerFired::Refused(refused) => Err(refused.into()),
        }
    }

    /// Makes a request durable. A run that it starts is woken as soon as the start is decided, while the start becomes
    /// durable.
    async fn accept_and_wake(&self, firing: FireTrigger) -> Result<TriggerFired, WriteError> {
        let wake = self.wake.clone();
        let early = firing.clone();
        let decided = move |fired: &TriggerFired| -> Option<Following> {
            let TriggerFired::Started {
                version,
                created,
                trigger,
            } = fired
            else {
                return None;
            };
            let id = early.run;
            let view = RunView {
                id,
                run: Run {
                    workflow: early.workflow,
                    version: *version,
                    created: *created,
                    key: early.random,
                    limits: early.guest,
                    headers: early.headers,
                    restarted: None,
                    parent: None,
                    labels: early.labels,
                    trigger: Some(trigger.clone()),
                },
                state: State::pending(*created),
                paused: None,
                held_by: None,
            };
            let input = early.input;
            let hint = Hint::Start(Box::new(EarlyStart { view, input }));
            Some(wake.following(id, hint))
        };
        self.store.fire_trigger(firing, Box::new(decided)).await
    }

    /// Makes a request durable, and holds its caller for this many milliseconds, or until the run has ended or is
    /// blocked.
    async fn accept_and_hold(
        &self,
        token: TriggerToken,
        firing: FireTrigger,
        head_refusal: Option<Refusal>,
        within: u64,
    ) -> Result<Received, Refusal> {
        let until = self.clock.now().after(within.min(self.limits.reply_wait));
        let (own, webhook) = counted_as(token);
        let place = self.replies.place(own, webhook);
        let _place = place.map_err(Refusal::TooManyHeld)?;
        // The wait begins before the request is durable: from then on the run may end at any time.
        let mut ended = self.watchers.wait(firing.run, Until::Ended);
        let (run, came) = self.accept(token, firing, head_refusal).await?;
        if came != TriggerOutcome::Started {
            ended = self.watchers.wait(run, Until::Ended);
            let answer = self.output(run).await?;
            if answer != TriggerAnswer::Acknowledged || self.is_at_rest(run).await? {
                return Ok(received(run, came, answer));
            }
        }
        let passed = self.clock.sleep_until(until);
        answered(std::future::pending::<Option<()>>(), ended, passed).await;
        let answer = self.output(run).await?;
        Ok(received(run, came, answer))
    }

    async fn is_at_rest(&self, run: RunId) -> Result<bool, Refusal> {
        let state = self.store.state(run).await?;
        Ok(state.is_none_or(|state| state.status.is_at_rest()))
    }

    /// Returns the answer of a run to the caller that waits for its output, as far as it is known now.
    async fn output(&self, run: RunId) -> Result<TriggerAnswer, Refusal> {
        let Some((status, output)) = self.store.output(run).await? else {
            return Ok(TriggerAnswer::Acknowledged);
        };
        let code = match (status, output) {
            (Status::Completed, output) => {
                return Ok(TriggerAnswer::Response(response(
                    output.unwrap_or_default(),
                )));
            }
            (Status::Cancelled, _) => "cancelled".to_owned(),
            (Status::Failed, _) => {
                let failure = self.store.state(run).await?.and_then(|state| state.failure);
                failure.map_or_else(|| "failed".into(), |failure| failure.code)
            }
            _ => return Ok(TriggerAnswer::Acknowledged),
        };
        Ok(TriggerAnswer::Ended { status, code })
    }
}

fn received(run: RunId, came: TriggerOutcome, answer: TriggerAnswer) -> Received {
    Received::Triggered { run, came, answer }
}

/// Returns the output of a run as a response.
fn response(output: Payload) -> Response {
    let content_type = match output.content_type.as_str() {
        "" => None,
        given => Some((
            "content-type".to_owned(),
            bytes::Bytes::copy_from_slice(given.as_bytes()),
        )),
    };
    Response {
        status: if output.body.is_empty() { 204 } else { 200 },
        headers: content_type.into_iter().collect(),
        body: output.body,
    }
}

fn content_type(request: &Request) -> String {
    let given = request.headers.iter();
    let mut given = given.filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let text = given
        .next()
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    text.unwrap_or_default()
}

fn sha256(text: &str) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).into()
}

impl From<TriggerRefused> for Refusal {
    fn from(refused: TriggerRefused) -> Self {
        match refused {
            TriggerRefused::Gone => Refusal::TriggerGone,
            TriggerRefused::Paused => Refusal::TriggerPaused,
            TriggerRefused::OtherBody => Refusal::OtherBody,
            TriggerRefused::UnknownVersion => Refusal::TriggerGone,
            TriggerRefused::RunFailed(run) => Refusal::KeyedRunFailed(run),
            TriggerRefused::InboxFull(run) => Refusal::KeyedInboxFull(run),
            TriggerRefused::RunFull => Refusal::RunFull,
            TriggerRefused::WorkflowFull => Refusal::WorkflowFull,
        }
    }
}
