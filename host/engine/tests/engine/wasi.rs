//! WASI: all interfaces exist, and none differs from one execution to the next.

use dormouse_journal::{Level, Outcome};

use crate::core_guest::{CoreGuest, RETURN};
use crate::harness::Run;

/// What the guests below use of WASI, in some patch releases of 0.2.
const PACKAGES: &str = "
    package wasi:io@0.2.0 {
        interface error { resource error; }
        interface poll { resource pollable { block: func(); ready: func() -> bool; } }
        interface streams {
            use error.{error};
            variant stream-error { last-operation-failed(error), closed }
            resource output-stream {
                blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
            }
            resource input-stream {
                blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
            }
        }
    }
    package wasi:clocks@0.2.3 {
        interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
        interface monotonic-clock {
            use wasi:io/poll@0.2.0.{pollable};
            now: func() -> u64;
            subscribe-instant: func(when: u64) -> pollable;
            subscribe-duration: func(when: u64) -> pollable;
        }
    }
    package wasi:random@0.2.99 {
        interface random { get-random-u64: func() -> u64; }
        interface insecure { get-insecure-random-u64: func() -> u64; }
        interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
    }
    package wasi:cli@0.2.6 {
        interface stdin { use wasi:io/streams@0.2.0.{input-stream}; get-stdin: func() -> input-stream; }
        interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }
        interface stderr { use wasi:io/streams@0.2.0.{output-stream}; get-stderr: func() -> output-stream; }
        interface exit { exit: func(status: result); }
        interface environment {
            get-environment: func() -> list<tuple<string, string>>;
            get-arguments: func() -> list<string>;
        }
    }
    package wasi:filesystem@0.2.0 {
        interface types { resource descriptor; }
        interface preopens {
            use types.{descriptor};
            get-directories: func() -> list<tuple<descriptor, string>>;
        }
    }
    package wasi:sockets@0.2.0 {
        interface network {
            resource network;
            enum ip-address-family { ipv4, ipv6 }
            enum error-code {
                unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout,
                concurrency-conflict, not-in-progress, would-block, invalid-state, new-socket-limit,
                address-not-bindable, address-in-use, remote-unreachable, connection-refused, connection-reset,
                connection-aborted, datagram-too-large, name-unresolvable, temporary-resolver-failure,
                permanent-resolver-failure,
            }
        }
        interface instance-network { use network.{network}; instance-network: func() -> network; }
        interface ip-name-lookup {
            use network.{network, error-code};
            resource resolve-address-stream;
            resolve-addresses: func(network: borrow<network>, name: string)
                -> result<resolve-address-stream, error-code>;
        }
        interface tcp { resource tcp-socket; }
        interface udp { resource udp-socket; }
        interface tcp-create-socket {
            use network.{ip-address-family, error-code};
            use tcp.{tcp-socket};
            create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
        }
        interface udp-create-socket {
            use network.{ip-address-family, error-code};
            use udp.{udp-socket};
            create-udp-socket: func(address-family: ip-address-family) -> result<udp-socket, error-code>;
        }
    }
";

const IMPORTS: &str = "
    import wasi:clocks/wall-clock@0.2.3;
    import wasi:clocks/monotonic-clock@0.2.3;
    import wasi:random/random@0.2.99;
    import wasi:random/insecure@0.2.99;
    import wasi:random/insecure-seed@0.2.99;
    import wasi:cli/stdin@0.2.6;
    import wasi:cli/stdout@0.2.6;
    import wasi:cli/stderr@0.2.6;
    import wasi:cli/exit@0.2.6;
    import wasi:cli/environment@0.2.6;
    import wasi:filesystem/preopens@0.2.0;
    import wasi:sockets/instance-network@0.2.0;
    import wasi:sockets/ip-name-lookup@0.2.0;
    import wasi:sockets/tcp-create-socket@0.2.0;
    import wasi:sockets/udp-create-socket@0.2.0;
";

/// The same, as core imports.
const ITEMS: &str = r#"
    (import "wasi:clocks/wall-clock@0.2.3" "now" (func $wall (param i32)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $monotonic (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-instant" (func $instant (param i64) (result i32)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $duration (param i64) (result i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.ready" (func $ready (param i32) (result i32)))
    (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop_pollable (param i32)))
    (import "wasi:random/random@0.2.99" "get-random-u64" (func $random_u64 (result i64)))
    (import "wasi:random/insecure@0.2.99" "get-insecure-random-u64" (func $insecure_u64 (result i64)))
    (import "wasi:random/insecure-seed@0.2.99" "insecure-seed" (func $seed (param i32)))
    (import "wasi:cli/stdin@0.2.6" "get-stdin" (func $stdin (result i32)))
    (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
    (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
    (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
    (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
    (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
    (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
    (import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
    (import "wasi:sockets/ip-name-lookup@0.2.0" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $tcp (param i32 i32)))
    (import "wasi:sockets/udp-create-socket@0.2.0" "create-udp-socket" (func $udp (param i32 i32)))
    (data (i32.const 64) "one\ntwo\nthr")
    (data (i32.const 80) "Oops: no tea\n")
"#;

fn guest(run: &str) -> Run {
    let guest = CoreGuest {
        items: ITEMS,
        run,
        imports: IMPORTS,
        packages: PACKAGES,
        ..CoreGuest::default()
    };
    Run::of(guest.program())
}

/// Returns this many bytes from 512 on, as the result.
fn give(length: usize) -> String {
    format!(
        "(call $return (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512) (i32.const {length}))
         (i32.const 0)"
    )
}

/// Runs a guest that gives what it leaves at 512.
fn given(body: &str, length: usize) -> Vec<u8> {
    let mut run = guest(&format!("{body} {}", give(length)));
    run.start().result().body.to_vec()
}

fn u64s(bytes: &[u8]) -> Vec<u64> {
    let words = bytes.chunks_exact(8);
    words
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

#[test]
fn both_clocks_read_the_activations_time() {
    let body = "(call $wall (i32.const 512)) (i64.store (i32.const 528) (call $monotonic))";
    let clocks = format!(
        "(call $block (call $duration (i64.const 1_500_000))) {body} {}",
        give(24)
    );
    let mut run = guest(&clocks);
    run.start().complete(7_012, 0, Outcome::Slept);
    let words = u64s(&run.result().body);
    assert_eq!(words, [7, 12_000_000, 7_012_000_000]);
}

#[test]
fn a_sleep_is_a_durable_timer_and_never_early() {
    let body = "(call $block (call $duration (i64.const 10_000_001)))
        (call $block (call $instant (i64.const 1_020_000_000)))";
    let mut run = guest(&format!("{body} {RETURN} (i32.const 0)"));
    run.start().evict().complete(1_011, 0, Outcome::Slept);
    run.evict().complete(1_020, 1, Outcome::Slept);
    run.result();
    let expected = [
        r#"sleep "wasi:clocks" (11 ms)"#,
        r#"sleep "wasi:clocks" (9 ms)"#,
    ];
    assert_eq!(run.operations(), expected);
}

#[test]
fn an_instant_in_the_past_is_ready_at_once_without_a_timer() {
    let body = "(i32.store8 (i32.const 512) (call $ready (call $duration (i64.const 0))))
        (i32.store8 (i32.const 513) (call $ready (call $instant (i64.const 5))))
        (call $block (call $instant (i64.const 5)))";
    let mut run = guest(&format!("{body} {}", give(2)));
    assert_eq!(&run.start().result().body[..], [1, 1]);
    assert!(run.operations().is_empty());
}

#[test]
fn a_timer_can_be_polled_before_it_is_over() {
    let body = "(global.set $task (call $duration (i64.const 5_000_000)))
        (i32.store8 (i32.const 512) (call $ready (global.get $task)))
        (call $block (global.get $task))
        (i32.store8 (i32.const 513) (call $ready (global.get $task)))
        (call $block (global.get $task))";
    let mut run = guest(&format!("{body} {}", give(2)));
    run.start().complete(1_005, 0, Outcome::Slept);
    assert_eq!(&run.result().body[..], [0, 1]);
}

#[test]
fn a_timer_that_is_dropped_is_given_up() {
    let body = "(call $drop_pollable (call $duration (i64.const 5_000_000)))";
    let mut run = guest(&format!("{body} {RETURN} (i32.const 0)"));
    run.start().result();
    let expected = [
        r#"sleep "wasi:clocks" (5 ms)"#,
        r#"abandon "wasi:clocks" (operations 0)"#,
    ];
    assert_eq!(run.operations(), expected);
}

#[test]
fn all_randomness_is_the_runs_own() {
    let body = "(i64.store (i32.const 512) (call $random_u64))
        (i64.store (i32.const 520) (call $insecure_u64))
        (call $seed (i32.const 528))";
    let with_key = |key| {
        let mut run =
            guest(&format!("{body} {}", give(32))).with(move |parts| parts.key = [key; 32]);
        u64s(&run.start().result().body)
    };
    let words = with_key(1);
    assert_eq!(words, with_key(1));
    for word in with_key(2) {
        assert!(!words.contains(&word));
    }
}

#[test]
fn standard_output_goes_to_the_log_line_by_line() {
    let write = "(call $write (call $stdout) (i32.const 64) (i32.const 11) (i32.const 256))";
    let mut run = guest(&format!("{write} {write} {RETURN} (i32.const 0)"));
    run.start().result();
    assert_eq!(run.logged(), ["one", "two", "throne", "two", "thr"]);
    assert!(run.last().logs.iter().all(|line| line.level == Level::Info));
}

#[test]
fn standard_error_is_a_warning_and_the_message_of_what_follows() {
    let write = "(call $write (call $stderr) (i32.const 80) (i32.const 13) (i32.const 256))";
    let mut trap = guest(&format!("{write} unreachable"));
    trap.start();
    assert_eq!(trap.failure().message, "Oops: no tea");
    assert_eq!(trap.last().logs[0].level, Level::Warn);

    let mut exit = guest(&format!("{write} (call $exit (i32.const 1)) unreachable"));
    exit.start();
    assert_eq!(exit.failure().code, "exit");
    let message = &exit.failure().message;
    assert!(message.ends_with("with code 1: Oops: no tea"), "{message}");
}

#[test]
fn exit_ends_the_run() {
    let mut success = guest("(call $exit (i32.const 0)) unreachable");
    assert!(success.start().result().body.is_empty());
    let mut failure = guest("(call $exit (i32.const 1)) unreachable");
    failure.start();
    assert_eq!(failure.failure().code, "exit");
    assert!(failure.failure().message.contains("code 1"));
}

#[test]
fn there_is_no_environment_no_folder_and_no_input() {
    // A list is given as pointer and length, and of each only the length is kept.
    let body = "(call $environment (i32.const 256)) (i32.store8 (i32.const 512) (i32.load (i32.const 260)))
        (call $arguments (i32.const 256)) (i32.store8 (i32.const 513) (i32.load (i32.const 260)))
        (call $directories (i32.const 256)) (i32.store8 (i32.const 514) (i32.load (i32.const 260)))
        (call $read (call $stdin) (i64.const 9) (i32.const 256))
        (i32.store8 (i32.const 515) (i32.load8_u (i32.const 256)))
        (i32.store8 (i32.const 516) (i32.load8_u (i32.const 260)))";
    let closed = 1;
    assert_eq!(given(body, 5), [0, 0, 0, 1, closed]);
}

#[test]
fn sockets_are_denied() {
    let body = "(call $tcp (i32.const 0) (i32.const 512)) (call $udp (i32.const 1) (i32.const 520))
        (call $resolve (call $network) (i32.const 32) (i32.const 5) (i32.const 528))";
    let access_denied = 1;
    let given = given(body, 24);
    for result in given.chunks_exact(8) {
        assert_eq!((result[0], result[4]), (1, access_denied));
    }
}
