//! Answers comments on GitHub that begin with `/hello`. A trigger starts a run for each event that GitHub sends.

use dormouse_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The fields of an `issue_comment` event that the bot reads.
#[derive(Deserialize)]
struct Event {
    action: String,
    issue: Issue,
    comment: Comment,
}

#[derive(Deserialize)]
struct Issue {
    /// The URL of the issue's comments in GitHub's API. GitHub has signed it.
    comments_url: String,
}

#[derive(Deserialize)]
struct Comment {
    body: String,
    user: User,
}

#[derive(Deserialize)]
struct User {
    login: String,
    r#type: String,
}

#[derive(Serialize)]
struct Outcome {
    event: String,
    answered: bool,
}

#[workflow]
async fn github_bot(ctx: Context, input: Payload) -> Result<Outcome> {
    let request = ctx.request();
    let event = request
        .as_ref()
        .and_then(|request| request.headers.get("x-github-event"));
    let event = event.unwrap_or("none").to_owned();
    let mut answered = false;
    // GitHub also sends a ping when the webhook is created, and any other events that were selected.
    if event == "issue_comment" {
        answered = answer(ctx, &input.json()?).await?;
    }
    Ok(Outcome { event, answered })
}

/// Answers a comment. Returns false if the comment needs no answer, for example because it is the bot's own.
async fn answer(ctx: Context, event: &Event) -> Result<bool> {
    let Event {
        action,
        issue,
        comment,
    } = event;
    let is_asked = action == "created" && comment.body.starts_with("/hello");
    if !is_asked || comment.user.r#type == "Bot" {
        return Ok(false);
    }
    let text = format!("Hello @{}!", comment.user.login);
    ctx.post(&issue.comments_url)
        .header("accept", "application/vnd.github+json")
        .header("user-agent", "dormouse-github-bot")
        .secret_header("authorization", "Bearer ", "github-token")
        .json(&json!({ "body": text }))
        .send("answer")
        .await?
        .error_for_status()?;
    Ok(true)
}
