//! `dormouse journal`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{
    Activation, Completion, Content, End, JournalPage, Operation, OperationDetails, Outcome,
    StepOutcome,
};

use crate::connection::Connection;
use crate::error::CliError;
use crate::pages;
use crate::run_id;
use crate::show::render_failure;
use crate::terminal::Terminal;
use crate::text::{counted, indented, plain_line, size};
use crate::time::exact;
use crate::webhooks;

/// Prints the journal of a run: what was delivered to it, and which operations it made
///
/// Each block is an activation: its number, its time and the result that was delivered; below it, the operations that the run
/// made, by their numbers.
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse journal 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
pub struct Journal {
    /// The run's id, or its beginning
    run: String,

    #[command(flatten)]
    connection: Connection,
}

/// The number of characters of a body that are shown.
const PREVIEW: usize = 120;

impl Journal {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let run = run_id::find(&client, &self.run)?;
        let url = client.url(&["runs", &run, "journal"]);
        if self.connection.json {
            terminal.print(&pages::merged(&client, &url, "activations")?)?;
        } else {
            pages::each(
                &client,
                &url,
                |page: &JournalPage| page.next.clone(),
                |page| {
                    for activation in &page.activations {
                        terminal.print(&render(activation))?;
                    }
                    Ok(())
                },
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn render(activation: &Activation) -> String {
    let delivered = match &activation.completion {
        None => "started".into(),
        Some(completion) => completion_text(completion),
    };
    let mut text = format!(
        "{:>4}  {}  {delivered}\n",
        activation.activation, activation.time
    );
    for operation in &activation.operations {
        text += &format!(
            "      {:>6}  {}\n",
            operation.operation,
            operation_text(operation)
        );
    }
    if activation.log_lines > 0 {
        text += &format!(
            "              {}\n",
            counted(activation.log_lines.into(), "log line")
        );
    }
    match &activation.end {
        None => {}
        Some(End::Completed { content_type, body }) => {
            text += &format!("      completed: {}\n", content_text(content_type, body));
        }
        Some(End::Failed(failure)) => {
            text += &format!("      failed: {}\n", indented(&render_failure(failure), 6));
        }
    }
    text
}

fn completion_text(completion: &Completion) -> String {
    let outcome = match &completion.outcome {
        Outcome::Delivery { id, request, .. } => format!(
            "request {id}: {} {}, {}",
            plain_line(&request.method),
            plain_line(&request.url),
            body_text(&request.body)
        ),
        Outcome::Response(response) => format!(
            "response {}, {}",
            response.status,
            body_text(&response.body)
        ),
        Outcome::Error {
            code,
            message: None,
        } => format!("error {code}"),
        Outcome::Error {
            code,
            message: Some(message),
        } => format!("error {code}: {}", plain_line(message)),
        Outcome::Event { content_type, body } => {
            format!("event, {}", content_text(content_type, body))
        }
        Outcome::None => "nothing: timed out or given up".into(),
        Outcome::Slept => "slept".into(),
        Outcome::Notified { reached } => format!("reached {}", counted((*reached).into(), "wait")),
        Outcome::Started { run } => format!("started run {}", plain_line(run)),
        Outcome::RunCompleted { content_type, body } => {
            format!("completed, {}", content_text(content_type, body))
        }
        Outcome::RunFailed(failure) => format!("failed: {}", failure_line(failure)),
        Outcome::RunCancelled { reason } => format!("cancelled: {}", plain_line(reason)),
        Outcome::RunGone => "there is no such run".into(),
        Outcome::Refused(failure) => format!("refused: {}", failure_line(failure)),
        Outcome::Cancelled { alive: true } => "cancelled, or asked to cancel".into(),
        Outcome::Cancelled { alive: false } => "it had ended, or there is no such run".into(),
        Outcome::CancelAsked { reason } => format!("asked to cancel: {}", plain_line(reason)),
    };
    format!("{} \u{2190} {outcome}", completion.operation)
}

fn failure_line(failure: &dormouse_api::Failure) -> String {
    format!(
        "{}: {}",
        plain_line(&failure.code),
        plain_line(&failure.message)
    )
}

fn operation_text(operation: &Operation) -> String {
    let timeout = |timeout: &Option<u64>| match timeout {
        Some(timeout) => format!("at most {}", exact(*timeout)),
        None => "as long as it takes".into(),
    };
    let (kind, details) = match &operation.details {
        OperationDetails::CreateWebhook {
            webhook,
            url,
            options,
        } => {
            let mut text = format!("webhook {webhook}, {} {url}", options.methods.join(" "));
            let options = webhooks::options(options);
            if !options.is_empty() {
                text += &format!(", {}", plain_line(&options));
            }
            ("create-webhook", text)
        }
        OperationDetails::WaitForWebhook {
            webhook,
            timeout_ms,
        } => (
            "wait-for-webhook",
            format!("webhook {webhook}, {}", timeout(timeout_ms)),
        ),
        OperationDetails::CloseWebhook { webhook } => {
            ("close-webhook", format!("webhook {webhook}"))
        }
        OperationDetails::Respond { delivery, status } => {
            ("respond", format!("{status} to {}", plain_line(delivery)))
        }
        OperationDetails::Call {
            method,
            url,
            attempts,
            give_up_after_ms,
        } => {
            let mut text = format!("{} {}", plain_line(method), plain_line(url));
            if let Some(attempts) = attempts {
                text += &format!(", at most {}", counted((*attempts).into(), "attempt"));
            }
            if let Some(span) = give_up_after_ms {
                text += &format!(", for at most {}", exact(*span));
            }
            ("call", text)
        }
        OperationDetails::Sleep { duration_ms } => ("sleep", exact(*duration_ms)),
        OperationDetails::SleepUntil { until } => ("sleep-until", until.to_string()),
        OperationDetails::WaitForEvent { event, timeout_ms } => (
            "wait-for-event",
            format!("{}, {}", plain_line(event), timeout(timeout_ms)),
        ),
        OperationDetails::Notify { event, run: None } => ("notify", plain_line(event)),
        OperationDetails::Notify {
            event,
            run: Some(run),
        } => (
            "notify",
            format!("{}, run {}", plain_line(event), plain_line(run)),
        ),
        OperationDetails::Begin { outcome } => ("begin", step_text(outcome.as_ref())),
        OperationDetails::Abandon { operations } => {
            let numbers: Vec<String> = operations.iter().map(ToString::to_string).collect();
            ("abandon", numbers.join(", "))
        }
        OperationDetails::StartRun {
            workflow,
            version,
            when_parent_ends,
        } => {
            let version = version.as_deref().map_or_else(String::new, |version| {
                format!(", version {}", plain_line(version))
            });
            let ends = plain_line(when_parent_ends);
            let workflow = plain_line(workflow);
            (
                "start-run",
                format!("{workflow}{version}, {ends} when this run ends"),
            )
        }
        OperationDetails::WaitForRun { run, timeout_ms } => (
            "wait-for-run",
            format!("run {}, {}", plain_line(run), timeout(timeout_ms)),
        ),
        OperationDetails::CancelRun { run, grace_ms } => {
            let grace = match grace_ms {
                Some(grace) => format!("within {}", exact(*grace)),
                None => "at once".into(),
            };
            ("cancel-run", format!("run {}, {grace}", plain_line(run)))
        }
        OperationDetails::WaitForCancel { timeout_ms } => ("wait-for-cancel", timeout(timeout_ms)),
    };
    format!("{kind} {:?}  {details}", plain_line(&operation.step))
}

fn step_text(outcome: Option<&StepOutcome>) -> String {
    match outcome {
        None => "did not finish".into(),
        Some(StepOutcome::Value(value)) => format!("gave {}", body_text(value)),
        Some(StepOutcome::Failure(failure)) => format!("failed: {}", plain_line(&failure.message)),
    }
}

fn content_text(content_type: &str, body: &Content) -> String {
    match content_type {
        "" => body_text(body),
        content_type => format!("{}, {}", plain_line(content_type), body_text(body)),
    }
}

fn body_text(body: &Content) -> String {
    match &body.text {
        Some(text) if !text.is_empty() => {
            let preview: String = text.chars().take(PREVIEW).collect();
            let more = if preview.len() < text.len() {
                "…"
            } else {
                ""
            };
            format!("{}: {}{more}", size(body.size), plain_line(&preview))
        }
        _ => size(body.size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_in_blocks() {
        let page: JournalPage =
            serde_json::from_str(include_str!("testdata/journal.json")).unwrap();
        let text: Vec<String> = page.activations.iter().map(render).collect();
        insta::assert_snapshot!(text.join(""));
    }

    #[test]
    fn long_bodies_are_cut() {
        let text = "\u{fc}".repeat(PREVIEW + 1);
        let shown = body_text(&Content {
            size: 242,
            text: Some(text),
            base64: None,
        });
        assert_eq!(shown, format!("242 bytes: {}…", "\u{fc}".repeat(PREVIEW)));
    }
}
