//! Behaviour that only a real browser can show: Chromium, controlled by its driver over WebDriver
//! (<https://www.w3.org/TR/webdriver2/>).
//!
//! Both are in Debian's packages `chromium` and `chromium-driver`, which `.ci/run` installs. If they are not installed,
//! these tests print that and pass.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use dormouse_e2e::{Host, request};
use serde_json::{Value, json};

/// A browser of its own, which ends with the test.
struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    /// None if there is no browser here.
    fn start() -> Option<Self> {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut driver) = driver else {
            assert!(
                std::env::var_os("CI").is_none(),
                "there is no chromedriver: .ci/run installs the package chromium-driver"
            );
            eprintln!(
                "skipped: there is no chromedriver (Debian's packages chromium and chromium-driver)"
            );
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let server = format!("http://127.0.0.1:{}", port.unwrap());
        // Without its own sandbox, since tests run as root; what is tried is the page's.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"];
        let options = json!({"goog:chromeOptions": {"args": arguments}});
        let mut browser = Browser {
            driver,
            session: format!("{server}/session"),
        };
        let started = browser.post("", &json!({"capabilities": {"alwaysMatch": options}}));
        let id = started["sessionId"].as_str().unwrap().to_owned();
        browser.session = format!("{server}/session/{id}");
        Some(browser)
    }

    fn post(&self, command: &str, parameters: &Value) -> Value {
        let answer = request("POST", format!("{}{command}", self.session)).json(parameters);
        answer.send().expect(200).json()["value"].clone()
    }

    fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// Clicks what a selector of CSS finds first.
    fn click(&self, selector: &str) {
        let found = self.post(
            "/element",
            &json!({"using": "css selector", "value": selector}),
        );
        let (_, id) = found.as_object().unwrap().iter().next().unwrap();
        let id = id.as_str().unwrap();
        self.post(&format!("/element/{id}/click"), &json!({}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser, which the driver's end alone does not.
        let _ = request("DELETE", &self.session).try_send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The form posts back to the webhook that served it, also beside a policy of the workflow's own, and runs no script.
#[test]
fn a_form_of_a_served_page_posts_back() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let host = Host::start();
    let html = "<form method=post><input name=name value='Ann Lee'><button>Send</button></form>\
                <script>document.querySelector('input').value = 'a script'</script>";
    for own in [
        None,
        Some("default-src *; sandbox allow-forms allow-scripts"),
    ] {
        let mut headers = vec![json!(["content-type", "text/html"])];
        headers.extend(own.map(|policy| json!(["content-security-policy", policy])));
        let page = json!({"status": 200, "headers": headers, "body": html});
        let options = json!({"methods": ["GET", "POST"], "reply": {"fixed": page}});
        let webhook = json!({"webhook": "a", "options": options});
        let run = host.script(&json!({"seq": [webhook, {"wait": "a"}, {"wait": "a"}]}));
        browser.open(&run.hook("a"));
        browser.click("button");
        let output = run.output();
        let sent = &output[2];
        assert_eq!(sent["method"], "POST", "{output}");
        assert_eq!(dormouse_e2e::body(sent), "name=Ann+Lee", "{output}");
    }
}
