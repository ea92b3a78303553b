//! The process's environment names root certificates, and changes nothing else about calls.
//!
//! A test cannot change its own environment, so each of these tests starts itself again as a process with another
//! environment.

use tokio::process::Command;

use super::support::{Server, get, ok, open, unreachable};
use super::tls::Authority;
use crate::Client;

/// The variable with the URL to call. If it is set, a test was started by itself.
const URL: &str = "DORMOUSE_OUTBOUND_TEST_URL";

/// Returns the command by which a test starts itself.
fn within(test: &str, url: &str) -> Command {
    let mut inner = Command::new(std::env::current_exe().unwrap());
    inner
        .args(["--exact", &format!("tests::environment::{test}")])
        .env(URL, url);
    inner
}

async fn assert_passes(mut inner: Command) {
    let output = inner.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
async fn proxies_are_passed_over() {
    if let Ok(url) = std::env::var(URL) {
        assert!(Client::new(open()).send(get(url)).await.is_ok());
        return;
    }
    let server = Server::start(|_| ok("")).await;
    let mut inner = within("proxies_are_passed_over", &server.url("/"));
    for proxy in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        // Nothing listens on port 1.
        inner.env(proxy, "http://127.0.0.1:1");
    }
    inner.env_remove("no_proxy").env_remove("NO_PROXY");
    assert_passes(inner).await;
}

#[tokio::test]
async fn root_certificates_of_the_system_are_trusted() {
    if let Ok(url) = std::env::var(URL) {
        assert!(Client::new(open()).send(get(url)).await.is_ok());
        return;
    }
    let authority = Authority::new(&["127.0.0.1"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roots.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let server = Server::start_tls(authority.acceptor(&[]), |_| ok("")).await;
    let url = format!("https://{}/", server.address);
    let mut inner = within("root_certificates_of_the_system_are_trusted", &url);
    inner.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR");
    assert_passes(inner).await;
}

#[tokio::test]
async fn a_system_without_root_certificates_lacks_https_only() {
    if let Ok(url) = std::env::var(URL) {
        let client = Client::new(open());
        assert!(client.send(get(url.clone())).await.is_ok());
        let text = unreachable(client.send(get(url.replace("http:", "https:"))).await);
        assert!(
            text.contains("no root certificates") && text.contains("ca-certificates"),
            "{text}"
        );
        return;
    }
    let server = Server::start(|_| ok("")).await;
    let mut inner = within(
        "a_system_without_root_certificates_lacks_https_only",
        &server.url("/"),
    );
    inner
        .env("SSL_CERT_FILE", "/dev/null")
        .env_remove("SSL_CERT_DIR");
    assert_passes(inner).await;
}
