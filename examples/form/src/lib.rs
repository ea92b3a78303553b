//! Serves a form, takes the entry, and sends a mail with a link by which the sender confirms the address.

use dormouse_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The longest address that mail can have (RFC 5321).
const LONGEST_ADDRESS: usize = 254;

#[derive(Deserialize)]
struct Input {
    title: String,
    mail_url: String,
    deadline_ms: u64,
}

/// The content of the form.
#[derive(Deserialize)]
struct Entry {
    name: String,
    email: String,
}

#[derive(Serialize)]
struct Outcome {
    name: String,
    email: String,
    confirmed: bool,
}

#[workflow]
async fn form(ctx: Context, input: Input) -> Result<Outcome> {
    let page = |step| {
        let webhook = ctx.webhook(step).methods(["GET", "POST"]);
        webhook.reply_from_workflow("10s").create()
    };
    let (form, confirm) = (page("form"), page("confirm"));
    let Entry { name, email } = filled_in(&form, &input.title).await;
    let mail = json!({
        "to": email,
        "subject": format!("{}: confirm your address", input.title),
        "text": format!("Open this page and press its button: {}", confirm.url()),
    });
    let sent = ctx.post(&input.mail_url).json(&mail).send("mail").await?;
    sent.error_for_status()?;
    let confirmed = is_confirmed(ctx, &form, &confirm, input.deadline_ms).await;
    Ok(Outcome {
        name,
        email,
        confirmed,
    })
}

/// Shows the form to everyone who opens its page, until someone has filled it in.
async fn filled_in(form: &Webhook, title: &str) -> Entry {
    loop {
        let request = form.wait().await;
        if request.method == "GET" {
            request.respond(Response::html(entry_page(title, "")));
            continue;
        }
        match request.form::<Entry>() {
            Ok(entry) if entry.is_complete() => {
                request.respond(message_page(
                    "Look into your mail: there is a link to confirm your address.",
                ));
                return entry;
            }
            _ => {
                let page = entry_page(title, "Please give a name and the address of your mail.");
                request.respond(Response::new(422).with_html(page));
            }
        }
    }
}

/// The next event while the workflow waits for the confirmation.
enum Next {
    /// The page behind the link was opened, or its button was pressed.
    Confirm(Delivery),
    /// The form was opened or sent again.
    Form(Delivery),
}

/// Waits until the button behind the link is pressed. Returns false if that does not happen in time.
///
/// A scanner of mail opens each link before the reader does, and so does a preview in a chat. They send a GET, which
/// must not confirm anything. The page's button sends a POST.
async fn is_confirmed(ctx: Context, form: &Webhook, confirm: &Webhook, deadline_ms: u64) -> bool {
    let mut deadline = ctx.sleep("deadline", millis(deadline_ms));
    let (mut confirms, mut forms) = (confirm.wait(), form.wait());
    loop {
        let next = select! {
            request = &mut confirms => Next::Confirm(request),
            request = &mut forms => Next::Form(request),
            _ = &mut deadline => return false,
        };
        match next {
            Next::Confirm(request) if request.method == "POST" => {
                request.respond(message_page("Thank you, your address is confirmed."));
                return true;
            }
            Next::Confirm(request) => {
                request.respond(confirm_page());
                confirms = confirm.wait();
            }
            Next::Form(request) => {
                request.respond(message_page(
                    "This form was filled in: look into your mail.",
                ));
                forms = form.wait();
            }
        }
    }
}

impl Entry {
    fn is_complete(&self) -> bool {
        let is_address = self.email.len() <= LONGEST_ADDRESS
            && self.email.chars().all(|letter| letter.is_ascii_graphic())
            && matches!(self.email.split_once('@'), Some((name, host)) if !name.is_empty() && !host.is_empty());
        is_address && !self.name.trim().is_empty()
    }
}

/// Returns the page with the form. The form is sent to the page's own URL, which the host's policy for pages allows.
fn entry_page(title: &str, mistake: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html><title>{title}</title><h1>{title}</h1><p>{mistake}</p><form method=\"post\">\
         <p><label>Name <input name=\"name\" required></label></p>\
         <p><label>Mail <input name=\"email\" type=\"email\" required></label></p>\
         <p><button>Send</button></p></form>"
    )
}

fn confirm_page() -> Response {
    Response::html(
        "<!doctype html><title>Confirm</title><form method=\"post\"><p><button>Confirm my address</button></p></form>",
    )
}

fn message_page(message: &str) -> Response {
    Response::html(format!(
        "<!doctype html><title>{message}</title><p>{message}</p>"
    ))
}

/// Escapes a text for a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
