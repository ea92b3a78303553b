//! Executes a script.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::{black_box, spin_loop};
use std::pin::Pin;

// The SDK has no functions for these: in Rust, dropping a future gives it up.
use dormouse_sdk::__private::dormouse::workflow::context::{abandon, next_operation};
use dormouse_sdk::prelude::*;

use crate::build;
use crate::fill::Urls;
use crate::form::{
    CallForm, Form, InvokeForm, ResponseForm, Script, StartForm, True, WebhookOptions,
};
use crate::mirror;
use crate::order::Orders;

pub(crate) struct Interpreter {
    ctx: Context,
    /// The webhooks by name. A new webhook replaces an earlier one of the same name.
    webhooks: RefCell<BTreeMap<String, Webhook>>,
    urls: RefCell<Urls>,
    /// The runs that this one has started, by step name.
    runs: RefCell<BTreeMap<String, OtherRun>>,
    /// The delivery that `respond` answers.
    last_delivery: RefCell<Option<Delivery>>,
    /// The hash sets, which are made when they are first needed.
    orders: RefCell<Option<Orders>>,
    /// The numbers of the operations that `abandon` may give up, by step name.
    made: RefCell<BTreeMap<String, Vec<u32>>>,
}

impl Interpreter {
    pub(crate) fn new(ctx: Context) -> Self {
        let kept = ctx.kept_webhooks();
        let mut urls = Urls::default();
        for webhook in &kept {
            urls.insert(webhook.step(), webhook.url());
        }
        let kept = kept
            .into_iter()
            .map(|webhook| (webhook.step().to_owned(), webhook));
        Self {
            ctx,
            webhooks: RefCell::new(kept.collect()),
            urls: RefCell::new(urls),
            runs: RefCell::default(),
            last_delivery: RefCell::default(),
            orders: RefCell::default(),
            made: RefCell::default(),
        }
    }

    /// Executes a form. The future is boxed, since a form may contain other forms.
    pub(crate) fn run<'a>(
        &'a self,
        Script(form): &'a Script,
    ) -> Pin<Box<dyn Future<Output = Result<Value>> + 'a>> {
        Box::pin(async move {
            match form {
                Form::Seq { seq } => self.seq(seq).await,
                Form::Join { join } => self.join(join).await,
                Form::Race { race } => self.race(race).await,
                Form::Repeat { repeat, r#do } => {
                    self.seq((0..*repeat).map(|_| r#do.as_ref())).await
                }
                Form::Wait { wait, ms, step } => self.wait(wait, *ms, step.as_deref()).await,
                Form::Call { call, step } => self.call(call, step.as_deref()).await,
                Form::Sleep { sleep, step } => self.sleep(*sleep, step.as_deref()).await,
                Form::SleepUntil { instant, step } => {
                    self.sleep_until(*instant, step.as_deref()).await
                }
                Form::Event { event, ms, step } => self.event(event, *ms, step.as_deref()).await,
                Form::Notify {
                    notify,
                    run,
                    body,
                    step,
                } => {
                    self.notify(notify, run.as_deref(), body, step.as_deref())
                        .await
                }
                Form::Start { start, step } => self.start(start, step.as_deref()).await,
                Form::Invoke { invoke, step } => self.invoke(invoke, step.as_deref()).await,
                Form::AwaitRun { run, ms } => self.await_run(run, *ms).await,
                Form::CancelRun { run, grace, reason } => {
                    self.cancel_run(run, *grace, reason.as_deref()).await
                }
                Form::WaitCancel { ms } => self.wait_cancel(*ms).await,
                Form::Version { version, r#else } => {
                    let own = self.ctx.run().version;
                    self.run(version.get(&own).unwrap_or(r#else)).await
                }
                Form::Continue {
                    r#continue,
                    keep,
                    on_current_version,
                } => self.go_on(r#continue, keep, *on_current_version),
                Form::Generations {
                    generations,
                    r#do,
                    keep,
                    results,
                } => self.generations(*generations, r#do, keep, results).await,
                Form::Fail { fail } => Err(Error::new(&fail.code, &fail.message)),
                Form::Webhook { webhook, options } => self.webhook(webhook, options),
                Form::Close { close } => self.close(close),
                Form::Respond { respond } => self.respond(respond),
                Form::Step { step, value } => self.step(step, value),
                Form::Abandon { abandon: step } => {
                    self.abandon(step);
                    Ok(Value::Null)
                }
                Form::Log { log } => self.log(log),
                Form::Label { label } => Ok(self.label(label)),
                Form::Random { random } => Ok(mirror::hex(&self.ctx.random_bytes(*random))),
                Form::Order { order } => Ok(self.order(order)),
                Form::Now { now: True } => Ok(json!(self.ctx.now())),
                Form::Headers { headers: True } => Ok(mirror::headers(&self.ctx.run().headers)),
                Form::Request { request: True } => {
                    let request = self.ctx.request();
                    Ok(request.map_or(Value::Null, |request| mirror::request(&request)))
                }
                Form::Spin { spin: True } => loop {
                    spin_loop();
                },
                Form::Grow { grow } => Ok(take_memory(*grow)),
                Form::Trap { trap } => self.trap(trap),
            }
        })
    }

    async fn seq<'a>(&'a self, parts: impl IntoIterator<Item = &'a Script>) -> Result<Value> {
        let mut results = Vec::new();
        for part in parts {
            results.push(self.run(part).await?);
        }
        Ok(results.into())
    }

    async fn join(&self, parts: &[Script]) -> Result<Value> {
        let results = try_join_all(parts.iter().map(|part| self.run(part))).await?;
        Ok(results.into())
    }

    async fn race(&self, parts: &[Script]) -> Result<Value> {
        if parts.is_empty() {
            return Ok(json!([]));
        }
        let (winner, result) = select_all(parts.iter().map(|part| self.run(part))).await;
        Ok(mirror::race(parts.len(), winner, &result?))
    }

    /// Records the number of the next operation, and returns its step name.
    fn making<'s>(&self, step: &'s str) -> &'s str {
        let mut made = self.made.borrow_mut();
        made.entry(step.into()).or_default().push(next_operation());
        step
    }

    fn abandon(&self, step: &str) {
        let made = self.made.borrow_mut().remove(step);
        made.into_iter().flatten().for_each(abandon);
    }

    async fn wait(&self, name: &str, ms: Option<u64>, step: Option<&str>) -> Result<Value> {
        let webhook = self.created(name)?;
        let webhook = webhook.named(self.making(step.unwrap_or(name)));
        let delivery = match ms {
            Some(ms) => webhook.wait_timeout(millis(ms)).await,
            None => Some(webhook.wait().await),
        };
        let Some(delivery) = delivery else {
            return Ok(Value::Null);
        };
        let mirrored = mirror::delivery(&delivery);
        self.last_delivery.replace(Some(delivery));
        Ok(mirrored)
    }

    async fn call(&self, form: &CallForm, step: Option<&str>) -> Result<Value> {
        let call = build::call(self.ctx, form, &self.urls.borrow())?;
        let mut result = call.send(self.making(step.unwrap_or("call"))).await;
        if form.error_for_status
            && let Ok(response) = result
        {
            result = Ok(response.error_for_status()?);
        }
        Ok(mirror::call(&result))
    }

    async fn sleep(&self, ms: u64, step: Option<&str>) -> Result<Value> {
        let step = self.making(step.unwrap_or("sleep"));
        self.ctx.sleep(step, millis(ms)).await;
        Ok(Value::Null)
    }

    async fn sleep_until(&self, instant: u64, step: Option<&str>) -> Result<Value> {
        let instant = Instant::from_millis(instant);
        let step = self.making(step.unwrap_or("sleep-until"));
        self.ctx.sleep_until(step, instant).await;
        Ok(Value::Null)
    }

    async fn event(&self, name: &str, ms: Option<u64>, step: Option<&str>) -> Result<Value> {
        let event = self.ctx.event(name);
        let event = event.named(self.making(step.unwrap_or(name)));
        let payload = match ms {
            Some(ms) => event.wait_timeout(millis(ms)).await,
            None => Some(event.wait().await),
        };
        Ok(payload.map_or(Value::Null, |payload| mirror::payload(&payload)))
    }

    async fn notify(
        &self,
        name: &str,
        run: Option<&str>,
        body: &Value,
        step: Option<&str>,
    ) -> Result<Value> {
        let event = self.ctx.event(name);
        let event = event.named(self.making(step.unwrap_or(name)));
        let body = self.urls.borrow().fill_value(body)?;
        let reached = match run {
            Some(run) => event.notify_run(run, body).await?,
            None => event.notify(body).await?,
        };
        Ok(json!(reached))
    }

    async fn start(&self, form: &StartForm, step: Option<&str>) -> Result<Value> {
        let StartForm {
            workflow,
            input,
            leave,
            version,
            timeout_ms,
            labels,
        } = form;
        let step = step.unwrap_or(workflow);
        let input = self.urls.borrow().fill_value(input)?;
        let mut start = self.ctx.start(workflow, input).named(self.making(step));
        if *leave {
            start = start.leave();
        }
        if let Some(version) = version {
            start = start.version(version);
        }
        if let Some(ms) = timeout_ms {
            start = start.timeout(millis(*ms));
        }
        for (key, value) in labels {
            start = start.label(format!("{key}:{value}"));
        }
        Ok(match start.await {
            Ok(run) => {
                let id = json!(run.id());
                self.runs.borrow_mut().insert(step.into(), run);
                id
            }
            Err(error) => mirror::refused(&error),
        })
    }

    async fn invoke(&self, form: &InvokeForm, step: Option<&str>) -> Result<Value> {
        let step = step.unwrap_or(&form.workflow);
        let input = self.urls.borrow().fill_value(&form.input)?;
        let start = self.ctx.start(&form.workflow, input);
        let run = match start.named(self.making(step)).await {
            Ok(run) => run,
            Err(error) if form.or_fail => return Err(error),
            Err(error) => return Ok(mirror::refused(&error)),
        };
        if form.or_fail {
            return run.output().await;
        }
        Ok(mirror::outcome(run.wait().await.map(Some)))
    }

    async fn await_run(&self, run: &str, ms: Option<u64>) -> Result<Value> {
        let run = self.other_run(run);
        self.making(run.id());
        Ok(mirror::outcome(match ms {
            Some(ms) => run.wait_timeout(millis(ms)).await,
            None => run.wait().await.map(Some),
        }))
    }

    async fn cancel_run(
        &self,
        run: &str,
        grace: Option<u64>,
        reason: Option<&str>,
    ) -> Result<Value> {
        let run = self.other_run(run);
        self.making(run.id());
        let cancelled = match grace {
            Some(ms) => {
                run.ask_to_cancel(reason.unwrap_or("asked"), millis(ms))
                    .await
            }
            None => run.cancel().await,
        };
        Ok(match cancelled {
            Ok(alive) => json!(alive),
            Err(error) => mirror::refused(&error),
        })
    }

    async fn wait_cancel(&self, ms: Option<u64>) -> Result<Value> {
        let step = self.making("wait-cancel");
        Ok(match ms {
            Some(ms) => json!(self.ctx.wait_for_cancel_timeout(step, millis(ms)).await),
            None => json!(self.ctx.wait_for_cancel(step).await),
        })
    }

    fn go_on(&self, script: &Value, keep: &[String], on_current_version: bool) -> Result<Value> {
        let mut next = self.ctx.continue_as_new(script);
        for name in keep {
            next = next.keep(&self.created(name)?);
        }
        if on_current_version {
            next = next.on_current_version();
        }
        next.begin()
    }

    async fn generations(
        &self,
        left: u32,
        script: &Value,
        keep: &[String],
        results: &[Value],
    ) -> Result<Value> {
        let parsed = Script::try_from(script.clone()).map_err(|text| Error::new("script", text))?;
        let mut results = results.to_vec();
        let result = self.run(&parsed).await?;
        let body = result.get("body").cloned();
        results.push(body.unwrap_or(result));
        if left <= 1 {
            return Ok(results.into());
        }
        let next = json!({
            "generations": left - 1, "do": script, "keep": keep, "results": results,
        });
        self.go_on(&next, keep, false)
    }

    /// Returns the run that this one has started with this step name, or any other run by its id.
    fn other_run(&self, name: &str) -> OtherRun {
        let started = self.runs.borrow().get(name).cloned();
        started.unwrap_or_else(|| self.ctx.other_run(name))
    }

    fn webhook(&self, name: &str, options: &WebhookOptions) -> Result<Value> {
        let builder = build::webhook(self.ctx.webhook(name), options, &self.urls.borrow())?;
        let webhook = builder.create();
        let url = json!(webhook.url());
        self.urls.borrow_mut().insert(name, webhook.url());
        self.webhooks.borrow_mut().insert(name.into(), webhook);
        Ok(url)
    }

    fn close(&self, name: &str) -> Result<Value> {
        self.created(name)?.close();
        Ok(Value::Null)
    }

    fn respond(&self, form: &ResponseForm) -> Result<Value> {
        let response = build::response(form, &self.urls.borrow())?;
        let last_delivery = self.last_delivery.borrow();
        let delivery = last_delivery.as_ref().ok_or_else(|| {
            Error::new(
                "script",
                "`respond` has no delivery to answer: put a `wait` before it",
            )
        })?;
        delivery.respond(response);
        Ok(Value::Null)
    }

    fn step(&self, name: &str, value: &Value) -> Result<Value> {
        let value = self.urls.borrow().fill_value(value)?;
        self.ctx.step(name, || Ok(value))
    }

    fn order(&self, names: &[String]) -> Value {
        let mut orders = self.orders.borrow_mut();
        let orders = orders.get_or_insert_with(|| Orders::new(self.ctx.random_u64()));
        orders.insert(names);
        orders.mirror()
    }

    fn log(&self, text: &str) -> Result<Value> {
        self.ctx.info(self.urls.borrow().fill(text)?);
        Ok(Value::Null)
    }

    /// Sets labels until one is refused.
    fn label(&self, labels: &BTreeMap<String, String>) -> Value {
        let refused = labels
            .iter()
            .find_map(|(key, value)| self.ctx.set_label(format!("{key}:{value}")).err());
        refused.map_or(Value::Null, |error| mirror::refused(&error))
    }

    #[expect(clippy::panic, reason = "a script asks for it")]
    fn trap(&self, text: &str) -> Result<Value> {
        panic!("{}", self.urls.borrow().fill(text)?)
    }

    fn created(&self, name: &str) -> Result<Webhook> {
        self.webhooks.borrow().get(name).cloned().ok_or_else(|| {
            let message =
                format!("`{name}` is not a webhook that was created here: create it before");
            Error::new("script", message)
        })
    }
}

/// Allocates this much memory, and writes to all of it.
fn take_memory(bytes: usize) -> Value {
    black_box(vec![1_u8; bytes]);
    Value::Null
}
