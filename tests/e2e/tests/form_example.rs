//! The example `form`, with a mail service that opens each link before the reader does, as scanners of mail do.

use std::sync::{Arc, Mutex, PoisonError};

use dormouse_e2e::{Answer, Host, Reply, Run, Service, request, wait_until};
use serde_json::{Value, json};

/// The method, the status and the page of each look of the scanner.
type Scanned = Arc<Mutex<Vec<(&'static str, u16, String)>>>;

/// A service that takes mails, and has a scanner look at their links.
struct MailService {
    service: Service,
    scanned: Scanned,
}

impl MailService {
    fn start() -> Self {
        let scanned = Arc::<Mutex<Vec<_>>>::default();
        let kept = scanned.clone();
        let service = Service::start(move |mail| {
            let (link, kept) = (link(&mail.field("text")), kept.clone());
            // The mail is taken first, and scanned before its reader sees it.
            std::thread::spawn(move || {
                for method in ["HEAD", "GET", "GET"] {
                    let answer = request(method, &link).header("user-agent", "MailScanner/1.0");
                    let answer = answer.send();
                    let seen = (method, answer.status, answer.text());
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(seen);
                }
            });
            Reply::status(202)
        });
        MailService { service, scanned }
    }

    /// Waits until the scanner has looked at this many links three times.
    #[track_caller]
    fn scanned(&self, mails: usize) -> Vec<(&'static str, u16, String)> {
        wait_until("a scanner that is done", || {
            let scanned = self.scanned.lock().unwrap_or_else(PoisonError::into_inner);
            (scanned.len() == 3 * mails).then(|| scanned.clone())
        })
    }
}

fn link(text: &str) -> String {
    let (_, link) = text.rsplit_once(' ').unwrap();
    link.to_owned()
}

fn started(host: &Host, mail: &MailService, deadline_ms: u64) -> (Run, String) {
    let input = json!({
        "title": "Fish & <chips>",
        "mail_url": mail.service.url(),
        "deadline_ms": deadline_ms,
    });
    let run = host.start_run("form", &input);
    run.wait_for_status("suspended");
    let form = run.hook("form");
    (run, form)
}

/// Sends a form as a browser does that shows a page without an origin.
fn send(url: &str, form: &str) -> Answer {
    let sent = request("POST", url).header("origin", "null");
    let sent = sent.header("content-type", "application/x-www-form-urlencoded");
    sent.body(form).send()
}

#[test]
fn a_scanner_confirms_nothing_and_a_person_does() {
    let mut host = Host::with(&["--allow-private-egress"]);
    host.deploy("form", "form");
    let mail = MailService::start();
    let (run, form) = started(&host, &mail, 86_400_000);

    let page = request("GET", &form).send().expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy");
    assert_eq!(policy, Some("sandbox allow-forms"));
    assert!(page.text().contains("<h1>Fish &amp; &lt;chips&gt;</h1>"));
    for wrong in ["", "name=Ada&email=ada", "name=+&email=a%40b.example"] {
        let again = send(&form, wrong).expect(422).text();
        assert!(again.contains("<form method=\"post\">"), "{again}");
    }
    assert_eq!(mail.service.requests().len(), 0);
    let done = send(&form, "name=Ada&email=ada%40example.com");
    assert!(done.expect(200).text().contains("Look into your mail"));

    let scanned = mail.scanned(1);
    for (method, status, body) in &scanned {
        assert_eq!(*status, 200, "{method}");
        assert_eq!(body.contains("<button>"), *method == "GET", "{body}");
    }
    run.wait_for_status("suspended");
    host.restart();

    let taken = &mail.service.requests()[0];
    assert_eq!(taken.field("to"), "ada@example.com");
    let link = link(&taken.field("text"));
    let button = request("GET", &link).send().expect(200).text();
    assert!(button.contains("<form method=\"post\">"), "{button}");
    let twice = send(&form, "name=Eve&email=eve%40example.com").expect(200);
    assert!(twice.text().contains("was filled in"));
    let thanks = send(&link, "").expect(200).text();
    assert!(thanks.contains("Thank you"), "{thanks}");
    let output = host.run(run.id()).output();
    let expected = json!({"name": "Ada", "email": "ada@example.com", "confirmed": true});
    assert_eq!(output, expected);
    send(&link, "").expect_problem(410, "webhook-gone");
}

#[test]
fn a_link_that_nobody_follows_expires() {
    let host = Host::with(&["--allow-private-egress"]);
    host.deploy("form", "form");
    let mail = MailService::start();
    let (run, form) = started(&host, &mail, 1);
    send(&form, "name=Ada&email=ada%40example.com").expect(200);
    let output: Value = run.output();
    assert_eq!(output["confirmed"], false);
}
