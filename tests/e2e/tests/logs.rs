//! The log: the host continues whether or not its log is read.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use dormouse_e2e::{Host, post, request, serve_command, wait_until};
use dormouse_harness::ChildGuard;
use serde_json::json;

/// Returns the value of a line of the metrics.
fn metric(url: &str, name: &str) -> u64 {
    let metrics = request("GET", format!("{url}/metrics"))
        .send()
        .expect(200)
        .text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["--listen", "127.0.0.1:0", "--log", "debug"];
    let mut command = serve_command(&folder.path().join("data"), &settings);
    let mut host = ChildGuard::spawn(&mut command).unwrap();
    let mut log = BufReader::new(host.child().stderr.take().unwrap()).lines();
    let mut url = None;
    while url.is_none() {
        let line = log.next().expect("a host that listens").unwrap();
        let port = line.split("127.0.0.1:").nth(1).map(|port| {
            port.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        });
        url = port
            .filter(|_| line.contains("listening"))
            .map(|port| format!("http://127.0.0.1:{port}"));
    }
    let url = url.unwrap();
    // From here on nobody reads. Each connection that speaks no HTTP is a line at level debug.
    let address = url.trim_start_matches("http://");
    let dropped = wait_until("lines that are dropped", || {
        for _ in 0..500 {
            let mut connection = TcpStream::connect(address).unwrap();
            connection.write_all(b"no HTTP\r\n\r\n").unwrap();
            // To its end, so that there are never many at once.
            let _ = connection.read_to_end(&mut Vec::new());
        }
        Some(metric(&url, "dormouse_log_lines_dropped_total")).filter(|dropped| *dropped > 0)
    });
    let said = log
        .map(|line| line.unwrap())
        .find(|line| line.contains("lines of the log were dropped"))
        .expect("a line that says how many");
    let told: String = said
        .split("lines")
        .last()
        .unwrap()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    assert!(told.parse::<u64>().unwrap() >= dropped, "{said}");
}

#[test]
fn a_flood_of_one_message_is_a_few_lines() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"event": "go"}]}));
    let hook = run.hook("a");
    run.cancel().expect(200);
    for _ in 0..200 {
        post(&hook, "").expect(410);
    }
    let log = host.log();
    let lines = log.lines().count();
    assert!(lines < 100, "{lines} lines:\n{log}");
}
