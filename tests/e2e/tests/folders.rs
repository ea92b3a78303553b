//! The data directory and the files beside it: only one host at a time can use them, and other users cannot read
//! them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use dormouse_e2e::{Host, refuse_to_start, serve_command, wait_until};
use dormouse_harness::ChildGuard;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Without the lock, the one that comes second replaces the file that the first has open, and serves another store.
#[test]
fn only_one_of_two_hosts_that_start_on_a_new_directory_serves() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let start = || {
            let mut command = serve_command(&data, &["--listen", "127.0.0.1:0"]);
            ChildGuard::spawn(&mut command).unwrap()
        };
        let mut hosts = [start(), start()];
        let (loser, status) = wait_until("one of two hosts that gives way", || {
            let mut ended = hosts
                .iter_mut()
                .enumerate()
                .filter_map(|(place, host)| Some((place, host.child().try_wait().unwrap()?)));
            ended.next()
        });
        assert_eq!(status.code(), Some(1));
        let said = hosts[loser].child().stderr.take().unwrap();
        let said = std::io::read_to_string(said).unwrap();
        assert!(
            said.contains(data.to_str().unwrap()) && said.contains("in use by another host"),
            "{said}"
        );
        let winner = hosts[1 - loser].child();
        wait_until("a store", || {
            data.join("dormouse.redb").exists().then_some(())
        });
        assert_eq!(winner.try_wait().unwrap(), None, "the other one serves");
    }
}

#[test]
fn a_directory_that_others_may_read_is_refused_unless_that_is_allowed() {
    let host = Host::unstarted(&["--allow-open-files"]);
    let data = host.data_dir();
    fs::create_dir(&data).unwrap();
    set_mode(&data, 0o755);
    let said = refuse_to_start(&data, &["--listen", "127.0.0.1:0"]);
    let fix = format!("chmod 700 {}", data.display());
    assert!(
        said.contains("permissions") && said.contains(&fix),
        "{said}"
    );
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "nothing was made");
    let mut host = host;
    host.resume();
    assert!(host.log().contains(&fix), "{}", host.log());
}

#[test]
fn files_of_a_host_are_private_whatever_the_umask() {
    for umask in ["000", "277"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let serve = serve_command(&data, &["--listen", "127.0.0.1:0"]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"])
            .arg(serve.get_program())
            .args(serve.get_args())
            .env_clear()
            .stderr(std::process::Stdio::null());
        let host = ChildGuard::spawn(&mut shell).unwrap();
        let file = data.join("dormouse.redb");
        wait_until("a store", || file.exists().then_some(()));
        assert_eq!((mode(&data), mode(&file)), (0o700, 0o600), "{umask}");
        host.kill().unwrap();
    }
}

#[test]
fn a_host_with_keys_of_secrets_leaves_no_core_dumps() {
    let key = [(
        "DORMOUSE_SECRET_KEY",
        "0101010101010101010101010101010101010101010101010101010101010101",
    )];
    let host = Host::with_environment(&key, &[]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", host.process_id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
}
