//! Disks that are full or read-only: the host reports it, loses nothing, and continues when there is room.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;
use std::thread;

use dormouse_e2e::{Answer, Host, Mount, body, guest, post, refuse_to_start, wait_until};
use serde_json::{Value, json};

use crate::forms::{go, waits_after_go};

/// What is left on the disk when the load begins.
const LEFT: u64 = 4 << 20;

/// Leaves no more than [`LEFT`] on the disk of this directory.
fn fill(directory: &Path) {
    let stat = rustix::fs::statvfs(directory).unwrap();
    let free = stat.f_bavail * stat.f_frsize;
    let size = usize::try_from(free.saturating_sub(LEFT)).unwrap();
    fs::write(directory.join("filler"), vec![1; size]).unwrap();
}

/// Sends requests until one is refused for want of space. Gives what was acknowledged.
fn send_until_full(hook: &str, caller: u32) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    for number in 0.. {
        let call = format!("{caller}/{number}/{}", "x".repeat(16_000));
        match post(hook, &call) {
            Answer { status: 202, .. } => acknowledged.insert(call),
            refused => {
                let refused = refused.expect_problem(503, "disk-full");
                assert!(refused.header("retry-after").is_some());
                break;
            }
        };
    }
    acknowledged
}

#[test]
fn a_disk_that_fills_up_loses_nothing_and_the_host_goes_on_by_itself() {
    let mut host = Host::unstarted(&["--disk-reserve", "0"]);
    let data = host.data_dir();
    let Some(_mount) = Mount::new(&data, 64) else {
        return;
    };
    host.resume();
    let run = host.script(&waits_after_go_until_none());
    let hook = run.hook("a");
    // It wakes again and again until it is told that it is enough.
    let busy = host.script(&json!({"race": [
        {"repeat": 1_000_000, "do": {"sleep": 1}}, {"event": "enough"},
    ]}));
    fill(&data);

    let mut acknowledged: BTreeSet<String> = thread::scope(|scope| {
        let callers = [0, 1].map(|caller| {
            let hook = &hook;
            scope.spawn(move || send_until_full(hook, caller))
        });
        callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .collect()
    });
    assert!(acknowledged.len() > 10);
    let mut caller = 2;
    let full = wait_until("a host that says that its disk is full", || {
        let full = host.get("/readyz");
        if full.status == 503 {
            return Some(full.expect_problem(503, "not-ready"));
        }
        // A small write found room meanwhile.
        acknowledged.extend(send_until_full(&hook, caller));
        caller += 1;
        None
    });
    assert!(full.detail().contains("disk"), "{}", full.detail());
    assert_eq!(run.status(), "suspended");
    assert_eq!(run.queued(), acknowledged.len() as u64);

    fs::remove_file(data.join("filler")).unwrap();
    wait_until("a host with room to write", || {
        (host.get("/readyz").status == 200).then_some(())
    });
    post(&hook, "there is room").expect(202);
    go(&run);
    let output = run.output();
    let taken = output[2].as_array().unwrap().iter();
    let mut taken: Vec<String> = taken.filter(|taken| !taken.is_null()).map(body).collect();
    assert_eq!(taken.pop().unwrap(), "there is room");
    assert_eq!(taken.len(), acknowledged.len(), "each of them once");
    assert_eq!(BTreeSet::from_iter(taken), acknowledged);
    eprintln!(
        "{} requests were acknowledged by the time the disk was full",
        acknowledged.len()
    );
    busy.notify("enough", "").expect(202);
    assert_eq!(busy.output()[0], "lost", "a full disk fails no run");
}

/// Takes whatever is there once `go` has come.
fn waits_after_go_until_none() -> Value {
    let mut script = waits_after_go(1_000);
    script["seq"][2]["do"]["ms"] = json!(0);
    script
}

#[test]
fn data_that_may_only_be_read_is_refused_by_name() {
    let mut host = Host::unstarted(&["--disk-reserve", "0"]);
    let data = host.data_dir();
    let mount = Mount::new(&data, 64);
    host.resume();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    assert!(host.stop().success());

    let file = data.join("dormouse.redb");
    let set_read_only = |is_read_only| match &mount {
        Some(mount) => mount.set_read_only(is_read_only),
        None => {
            let mode = if is_read_only { 0o400 } else { 0o600 };
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        }
    };
    set_read_only(true);
    if File::options().write(true).open(&file).is_ok() {
        eprintln!("NOT TESTED, since permissions do not bind this user");
        return;
    }
    let (status, said) = host.try_resume().unwrap_err();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(data.to_str().unwrap()), "{said}");
    assert!(
        said.contains("cannot be opened") && !said.contains("panicked"),
        "{said}"
    );

    set_read_only(false);
    host.resume();
    post(&hook, "again").expect(202);
    go(&run);
    assert_eq!(body(&run.output()[2][0]), "again");
}

/// Returns how many bytes of the disk of this directory are free.
fn free(directory: &Path) -> u64 {
    let stat = rustix::fs::statvfs(directory).unwrap();
    stat.f_bavail * stat.f_frsize
}

/// A file that takes all that is left on a disk, as another program might.
fn fill_up(directory: &Path, filler: &str) {
    let size = usize::try_from(free(directory)).unwrap();
    // What does not fit any more is not missed.
    drop(fs::write(directory.join(filler), vec![1; size]));
    assert_eq!(free(directory), 0);
}

fn is_ready(host: &Host) -> Option<()> {
    (host.get("/readyz").status == 200).then_some(())
}

#[test]
fn a_full_disk_refuses_writes_and_not_what_makes_room() {
    let mut host = Host::unstarted(&[]);
    let data = host.data_dir();
    let Some(_mount) = Mount::new(&data, 200) else {
        return;
    };
    host.resume();
    let reserve = data.join("dormouse.reserve");
    let kept = fs::metadata(&reserve).unwrap();
    assert!(kept.blocks() * 512 >= 25 << 20, "it is not sparse");
    let run = host.script(&waits_after_go(1));
    let (hook, other) = (run.hook("a"), host.script(&waits_after_go(1)));
    fill_up(&data, "filler");

    let full = host.get("/readyz").expect_problem(503, "not-ready");
    assert!(full.detail().contains("disk-full"), "{}", full.detail());
    for refused in [
        post(&hook, "too much"),
        host.post("/v1/workflows/script/runs", "{}"),
        host.upload("other", &guest("bare")),
    ] {
        let refused = refused.expect_problem(503, "disk-full");
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(run.status(), "suspended");
    other.cancel().expect(200);
    host.request("DELETE", "/v1/workflows/script")
        .send()
        .expect(204);

    // So it goes on after a start, which says so.
    host.kill();
    fill_up(&data, "more");
    host.resume();
    assert!(
        host.log()
            .contains("the disk of the data directory is full")
    );
    post(&hook, "too much").expect_problem(503, "disk-full");
    assert_eq!(other.status(), "cancelled");

    fs::remove_file(data.join("filler")).unwrap();
    fs::remove_file(data.join("more")).unwrap();
    wait_until("a host with room to write", || is_ready(&host));
    post(&hook, "there is room").expect(202);
    wait_until("a reserve that is made again", || {
        let made = fs::metadata(&reserve).ok()?;
        (made.blocks() * 512 >= 25 << 20).then_some(())
    });
    go(&run);
    assert_eq!(body(&run.output()[2][0]), "there is room");
}

/// What is removed leaves room in the store's own file, which the disk does not show.
#[test]
fn a_store_that_filled_the_disk_itself_takes_writes_again_when_it_has_removed_something() {
    let mut host = Host::unstarted(&["--retention", "1s"]);
    let data = host.data_dir();
    let Some(_mount) = Mount::new(&data, 200) else {
        return;
    };
    host.resume();
    let input = json!({"seq": [{"event": "go"}, {"event": "x".repeat(8 << 20)}]}).to_string();
    host.deploy("script", "script");
    let start = || host.post("/v1/workflows/script/runs", &input);
    let mut runs = Vec::new();
    let refused = loop {
        let answer = start();
        if answer.status != 202 {
            break answer;
        }
        runs.push(host.run(&answer.field("id")));
        assert!(runs.len() < 100, "the disk is not that large");
    };
    refused.expect_problem(503, "disk-full");
    for run in &runs {
        run.cancel().expect(200);
    }
    wait_until("a host that takes the same again", || {
        (start().status == 202).then_some(())
    });
}

#[test]
fn a_reserve_that_the_disk_cannot_spare_is_refused_with_figures() {
    let host = Host::unstarted(&[]);
    let data = host.data_dir();
    let Some(_mount) = Mount::new(&data, 64) else {
        return;
    };
    let settings = ["--listen", "127.0.0.1:0", "--disk-reserve", "64MiB"];
    let said = refuse_to_start(&data, &settings);
    assert!(
        said.contains("64MiB") && said.contains("67108864 bytes"),
        "{said}"
    );
}
