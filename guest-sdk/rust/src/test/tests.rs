use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{Incoming, NoResponse, Test};
use crate::prelude::*;

/// Returns the message of a panic.
fn panic_of(call: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap()
}

async fn approval(ctx: Context, url: String) -> Result<(String, u32)> {
    let approve = ctx.webhook("approve").create();
    let reject = ctx.webhook("reject").create();
    let (mut approved, mut rejected) = (approve.wait(), reject.wait());
    let mut deadline = ctx.sleep("deadline", days(7));
    let mut reminders = 0;
    let decision = loop {
        select! {
            _ = &mut approved => break "approved",
            _ = &mut rejected => break "rejected",
            () = &mut deadline => break "expired",
            () = ctx.sleep("reminder", days(2)) => {
                ctx.post(&url).json(&reminders).send("remind").await?.error_for_status()?;
                reminders += 1;
            }
        }
    };
    Ok((decision.to_owned(), reminders))
}

#[test]
fn time_passes_to_where_something_is_due() {
    let mut run = Test::new(approval).input("https://mail.example").start();
    for number in 0..3 {
        run.advance("2d");
        assert_eq!(run.call("remind").json::<u32>(), number);
        run.answer("remind", Response::new(200));
    }
    assert_eq!(run.output::<(String, u32)>(), ("expired".into(), 3));
    assert_eq!(run.elapsed(), Duration::from_secs(7 * 24 * 3_600));
}

#[test]
fn a_request_wakes_the_wait_that_it_is_for() {
    let mut run = Test::new(approval).input("https://mail.example").start();
    run.advance("1d");
    run.deliver("reject", Incoming::empty());
    assert!(run.has_ended());
    assert_eq!(run.output::<(String, u32)>().0, "rejected");
}

#[test]
fn a_call_that_fails_fails_the_run_with_its_code() {
    let mut run = Test::new(approval).input("https://mail.example").start();
    run.advance("2d");
    run.fail_call("remind", NoResponse::Unreachable);
    assert_eq!(run.failure().code(), "unreachable");
    let mut run = Test::new(approval).input(json!({"not": "a text"})).start();
    assert_eq!(run.failure().code(), "invalid-input");
}

#[test]
fn a_missing_call_or_webhook_is_reported_with_what_the_run_waits_for() {
    let mut run = Test::new(approval).input("https://mail.example").start();
    let text = panic_of(|| run.answer("remind", Response::new(200)));
    assert!(text.contains("makes no call \"remind\""), "{text}");
    assert!(
        text.contains("a request to the webhook \"approve\""),
        "{text}"
    );
    assert!(text.contains("the timer \"deadline\""), "{text}");
    let text = panic_of(|| {
        run.deliver("accept", Incoming::empty());
    });
    assert!(text.contains("has no webhook \"accept\""), "{text}");
    run.deliver("approve", Incoming::empty());
    let text = panic_of(|| drop(run.call("remind")));
    assert!(
        text.contains("it has completed: [\"approved\",0]"),
        "{text}"
    );
}

#[test]
fn waits_take_requests_in_order_and_a_timeout_comes_before_a_late_one() {
    async fn collect(ctx: Context) -> Result<Vec<Option<String>>> {
        let hook = ctx.webhook("hook").create();
        let mut seen = Vec::new();
        for _ in 0..3 {
            let delivery = hook.wait_timeout("1m").await;
            seen.push(
                delivery
                    .map(|delivery| delivery.text().map(|text| text.into_owned()))
                    .transpose()?,
            );
        }
        Ok(seen)
    }
    let mut run = Test::new(collect).start();
    run.deliver("hook", Incoming::text("a"));
    run.advance("60s");
    run.deliver("hook", Incoming::text("b"));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        run.output::<Vec<Option<String>>>(),
        [some("a"), None, some("b")]
    );
}

#[test]
fn the_hosts_own_operations_are_performed() {
    async fn all(ctx: Context) -> Result<Value> {
        let label = ctx.set_label("kind:test").is_ok();
        ctx.info("begun");
        let held = ctx.webhook("held").reply_from_workflow("10s").create();
        let request = held.wait().await;
        request.respond(Response::new(201));
        let event = ctx.event("go").wait().await;
        ctx.event("done").notify(json!(1)).await?;
        let child = ctx.start("parcel", json!({"to": "here"})).await?;
        let tracking: Value = child.output().await?;
        let price: u32 = ctx.step("price", || Ok(7))?;
        Ok(json!([label, event.json::<Value>()?, tracking, price]))
    }
    let mut run = Test::new(all).start();
    let held = run.deliver("held", Incoming::empty());
    assert_eq!(run.answered(&held).map(|answer| answer.status), Some(201));
    run.notify("go", json!(2));
    assert_eq!(run.sent()[0].0, "done");
    assert_eq!(
        run.children("parcel")[0].json::<Value>(),
        json!({"to": "here"})
    );
    run.complete_child("parcel", json!("A1"));
    assert_eq!(run.output::<Value>(), json!([true, 2, "A1", 7]));
    assert_eq!(run.label("kind").as_deref(), Some("test"));
    assert_eq!(run.log(), ["begun"]);
}

#[test]
fn a_run_that_continues_as_new_keeps_what_it_says() {
    async fn count(ctx: Context, count: u32) -> Result<u32> {
        let hook = ctx
            .kept_webhook("hook")
            .unwrap_or_else(|| ctx.webhook("hook").create());
        hook.wait().await;
        match count {
            3 => Ok(count),
            _ => ctx.continue_as_new(count + 1).keep(&hook).begin(),
        }
    }
    let mut run = Test::new(count).input(0).start();
    let url = run.webhook_url("hook");
    for _ in 0..4 {
        assert!(!run.has_ended());
        run.deliver("hook", Incoming::empty());
    }
    assert_eq!(run.webhook_url("hook"), url);
    assert_eq!(run.output::<u32>(), 3);
}

#[test]
fn a_workflow_that_is_not_deterministic_fails_its_test() {
    thread_local! {
        static STARTS: Cell<u32> = const { Cell::new(0) };
    }
    async fn other(ctx: Context) -> Result<()> {
        let starts = STARTS.get();
        STARTS.set(starts + 1);
        ctx.sleep(format!("start {starts}"), "1m").await;
        Ok(())
    }
    let text = panic_of(|| {
        Test::new(other).start().output::<()>();
    });
    assert!(text.contains("is not deterministic"), "{text}");
    assert!(text.contains("before: \"start 0\""), "{text}");
    assert!(text.contains("again:  \"start 1\""), "{text}");
}

#[test]
fn the_loser_of_a_race_is_given_up_and_takes_nothing() {
    async fn race(ctx: Context) -> Result<String> {
        let hook = ctx.webhook("hook").create();
        select! {
            _ = hook.wait() => return Err(Error::new("early", "it came early")),
            () = ctx.sleep("pause", "1m") => {}
        }
        Ok(hook.wait().await.text()?.into_owned())
    }
    let mut run = Test::new(race).start();
    run.advance("2m");
    run.deliver("hook", Incoming::text("late"));
    assert_eq!(run.output::<String>(), "late");
}

#[test]
fn an_operation_outside_a_test_reports_that_the_host_is_missing() {
    let text = panic_of(|| {
        let _ = Context::new().now();
    });
    assert!(
        text.contains("test the workflow with `dormouse_sdk::test::Test`"),
        "{text}"
    );
}
