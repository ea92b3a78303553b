//! Backups of a running host: their content, a host that is restored from one, and attempts that fail.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dormouse_e2e::{
    Cli, Host, Mount, Outcome, Reply, Run, Service, body, post, raw, request, wait_until,
};
use serde_json::json;
use tempfile::TempDir;

const TOKEN: &str = "a-token-of-a-test-0123456789";
const KEY: (&str, &str) = (
    "DORMOUSE_SECRET_KEY",
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
);
const VALUE: &str = "A_Made-Up-Value-7F3c91d04bE2";

/// Returns a folder for backups, and a file in it.
fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.redb");
    (folder, file)
}

fn back_up(host: &Host, arguments: &[&str]) -> Outcome {
    Cli::of(host).run(&[&["backup"], arguments].concat())
}

/// Returns a host with this backup in the place of its data.
fn restored(backup: &Path, settings: &[&str]) -> Host {
    let mut host = Host::with_environment(&[KEY], settings);
    host.kill();
    fs::remove_dir_all(host.data_dir()).unwrap();
    dormouse_e2e::make_private(&host.data_dir());
    fs::copy(backup, host.data_dir().join("dormouse.redb")).unwrap();
    host.resume();
    host
}

/// Calls a webhook of one host at another.
fn call(host: &Host, hook: &str, text: &str) {
    let token = hook.rsplit_once('/').unwrap().1;
    host.post(&format!("/hooks/{token}"), text).expect(202);
}

/// Makes a store of some MiB, in requests that nobody takes; gives the run that has them.
fn fill(host: &Host, mebibytes: usize) -> Run {
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"event": "never"}]}));
    let hook = run.hook("a");
    for _ in 0..mebibytes {
        post(&hook, vec![b'x'; 1 << 20]).expect(202);
    }
    run
}

/// Returns how many files of its data directory the host has open that have no name any more.
fn nameless_files(host: &Host) -> usize {
    let folder = fs::canonicalize(host.data_dir()).unwrap();
    let files = fs::read_dir(format!("/proc/{}/fd", host.process_id())).unwrap();
    files
        .filter_map(|file| fs::read_link(file.unwrap().path()).ok())
        .filter(|path| path.starts_with(&folder) && path.to_string_lossy().ends_with(" (deleted)"))
        .count()
}

/// What a host logs when there is nothing left of a backup but to send it.
const MADE: &str = "a backup was made";

/// Begins to fetch a backup and reads no more of it than its head.
fn begin(host: &Host) -> raw::Connection {
    let mut connection = raw::Connection::to(&host.url());
    connection.send(format!(
        "GET /v1/backup HTTP/1.1\r\nhost: {}\r\n\r\n",
        host.authority()
    ));
    wait_until("a backup under way", || {
        (nameless_files(host) > 0).then_some(())
    });
    connection
}

#[test]
fn a_restored_host_has_all_that_was_acknowledged_and_goes_on() {
    let (_folder, backup) = file();
    let service = Service::start(|_| Reply::status(200));
    let settings = ["--allow-private-egress"];
    let mut host = Host::with_environment(&[KEY], &settings);
    host.set_secret(
        "crm",
        VALUE,
        &json!([{"workflow": "script", "send_to": service.url()}]),
    );
    let completed = host.script(&json!({"step": "s", "value": 7}));
    completed.output();
    let failed = host.script(&json!({"trap": "on purpose"}));
    failed.end();
    let cancelled = host.script(&json!({"event": "never"}));
    cancelled.wait_for_steps(&["never"]);
    cancelled.cancel().expect(200);
    let asleep = host.script(&json!({"sleep": 600_000}));
    asleep.wait_for_steps(&["sleep"]);
    let wait = json!({"seq": [{"random": 8}, {"webhook": "a"}, {"wait": "a"}, {"call": {
        "url": service.url(),
        "secret_headers": [["Authorization", "Bearer ", "crm"]],
    }}]});
    let waiting: Vec<Run> = (0..10).map(|_| host.script(&wait)).collect();
    let hooks: Vec<String> = waiting.iter().map(|run| run.hook("a")).collect();
    for run in &waiting {
        run.wait_for_steps(&["a"]);
    }
    let journals: Vec<_> = waiting.iter().map(Run::journal).collect();
    let queue = host.script(&json!({"seq": [
        {"webhook": "q"}, {"event": "go"}, {"repeat": 50, "do": {"wait": "q"}},
    ]}));
    let queue_hook = queue.hook("q");
    queue.wait_for_steps(&["go"]);
    for number in 0..50 {
        post(&queue_hook, number.to_string()).expect(202);
    }

    let is_done = AtomicBool::new(false);
    let said = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let _ = post(&queue_hook, "later");
                    host.start_run("script", &json!({"step": "s", "value": 1}));
                }
            });
        }
        let said = back_up(&host, &[backup.to_str().unwrap()]);
        is_done.store(true, Ordering::SeqCst);
        said
    });
    let said = said.ok();
    assert!(said.starts_with(backup.to_str().unwrap()), "{said}");
    assert!(said.contains(" runs"), "{said}");
    let mode = fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    assert!(host.stop().success());
    let host = restored(&backup, &settings);
    let there = |run: &Run| host.run(run.id());
    assert_eq!(there(&completed).output(), 7);
    assert_eq!(there(&failed).status(), "failed");
    assert_eq!(there(&cancelled).status(), "cancelled");
    assert_eq!(there(&asleep).status(), "suspended");
    for (run, journal) in waiting.iter().zip(journals) {
        assert_eq!(there(run).journal(), journal);
    }
    for (number, hook) in hooks.iter().enumerate() {
        call(&host, hook, &format!("after {number}"));
    }
    for (number, run) in waiting.iter().enumerate() {
        assert_eq!(body(&there(run).output()[2]), format!("after {number}"));
    }
    let sent = service.requests();
    assert_eq!(sent.len(), 10);
    let bearer = format!("Bearer {VALUE}");
    assert!(
        sent.iter()
            .all(|call| call.header("authorization") == Some(bearer.as_str()))
    );
    let queue = there(&queue);
    queue.notify("go", "").expect(202);
    let taken = queue.output();
    let taken = taken[2].as_array().unwrap().iter().map(body);
    assert!(taken.eq((0..50).map(|number| number.to_string())));
}

#[test]
fn an_existing_file_is_replaced_only_with_force() {
    let (folder, backup) = file();
    let name = backup.to_str().unwrap();
    let host = Host::start();
    fs::write(&backup, "precious").unwrap();
    let refused = back_up(&host, &[name]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&backup).unwrap(), "precious");

    let made = back_up(&host, &["--force", "--json", name]).json();
    let length = fs::metadata(&backup).unwrap().len();
    assert_eq!(made, json!({"bytes": length, "format": 10, "runs": 0}));

    let unreachable = Cli::of(&host).run(&[
        "backup",
        "--server",
        "http://127.0.0.1:1",
        folder.path().join("other").to_str().unwrap(),
    ]);
    assert_eq!(unreachable.code, 3, "{}", unreachable.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_api_returns_a_backup_only_with_the_token() {
    let host = Host::with_token(TOKEN, &[]);
    let bare = request("GET", format!("{}/v1/backup", host.url()));
    bare.clone().send().expect_problem(401, "unauthorized");
    let wrong = bare.header("authorization", "Bearer wrong");
    wrong.send().expect_problem(401, "unauthorized");
    let answer = host.get("/v1/backup").expect(200);
    assert_eq!(answer.body.get(..4), Some(b"redb".as_slice()));
    assert_eq!(
        answer.header("content-length"),
        Some(answer.body.len().to_string().as_str())
    );

    let open = Host::start();
    let astray = open
        .request("GET", "/v1/backup")
        .header("origin", "https://elsewhere.example");
    astray.send().expect_problem(403, "cross-site");
}

#[test]
fn there_is_one_at_a_time_and_none_is_left() {
    let host = Host::start();
    fill(&host, 24);
    let under_way = begin(&host);
    host.get("/v1/backup").expect_problem(409, "backup-running");
    wait_until("a backup", || host.log().contains(MADE).then_some(()));
    host.get("/v1/backup").expect_problem(409, "backup-running");
    let refused = back_up(&host, &["/nowhere/file"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("backup-running"),
        "{}",
        refused.stderr
    );
    let names = || {
        let files = fs::read_dir(host.data_dir()).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["dormouse.redb", "dormouse.reserve"]);
    drop(under_way);
    wait_until("no backup any more", || {
        (nameless_files(&host) == 0).then_some(())
    });
    host.get("/v1/backup").expect(200);
    assert_eq!(names(), ["dormouse.redb", "dormouse.reserve"]);
    assert_eq!(nameless_files(&host), 0);
}

/// Copying may be over before the client is gone, if the store is so small that the test is slower than the host. So the
/// store grows until it is not, and then copying must not go on to its end.
#[test]
fn a_client_that_goes_away_early_ends_the_copying() {
    let host = Host::start();
    let ended_early = [24, 48, 96].into_iter().any(|mebibytes| {
        fill(&host, mebibytes);
        let made = || host.log().matches(MADE).count();
        let before = made();
        drop(begin(&host));
        wait_until("no backup any more", || {
            (nameless_files(&host) == 0).then_some(())
        });
        made() == before
    });
    assert!(ended_early);
}

#[test]
fn the_reserve_of_the_disk_is_not_touched() {
    let (folder, backup) = file();
    let mut host = Host::unstarted(&[]);
    // Room for a host, and not for a copy beside its reserve.
    let Some(_mount) = Mount::new(&host.data_dir(), 128) else {
        return;
    };
    host.resume();
    let refused = host.get("/v1/backup").expect_problem(503, "disk-full");
    let size = fs::metadata(host.data_dir().join("dormouse.redb"))
        .unwrap()
        .len();
    let detail = refused.field("detail");
    assert!(detail.contains(&format!(" {size} bytes")), "{detail}");
    assert_eq!(back_up(&host, &[backup.to_str().unwrap()]).code, 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
