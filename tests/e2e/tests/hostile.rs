//! Hostile guests in the real host. Each ends with the reason of the limit that it exceeds, and the workflow beside it
//! does not notice. The engine's tests cover the effects on the guest itself, and these tests cover the effects on
//! others.

mod guests;
mod neighbour;

use std::thread;

use dormouse_e2e::{Host, Run, wait_until};
use serde_json::json;

use crate::components::{bomb, with_functions};
use guests::{CANCEL, Guest, SLEEP, WAIT, YIELD, for_ever, give};
use neighbour::beside;

/// Enough of each to let a guest go on for a moment, and the same for all of them. The processor's time is limited only
/// where that limit is to end the guest: a slow machine would reach it before another one.
const CPU: &str = "--cpu-limit=200ms";
const MEMORY: &str = "--memory-limit=8MiB";

/// Starts a run of this guest, which is uploaded first.
#[track_caller]
fn start(host: &Host, name: &str, guest: &Guest<'_>) -> Run {
    host.upload(name, &guest.bytes()).expect(201);
    host.start_run(name, &json!("some input"))
}

/// Checks that a run fails with this code, and with a message that has this in it.
#[track_caller]
fn fails(run: &Run, code: &str, says: &str) {
    let (found, message) = run.failure();
    assert_eq!(found, code, "{message}");
    assert!(message.contains(says), "{message}");
}

#[test]
fn computing_for_ever_before_and_after_a_wait() {
    beside("computing for ever", &[CPU], |host| {
        let scripts = [
            json!({"spin": true}),
            json!({"seq": [{"sleep": 1}, {"spin": true}]}),
        ];
        let runs = [0, 1, 0, 1].map(|which: usize| host.script(&scripts[which]));
        for run in &runs {
            fails(run, "cpu-limit", "`cpu-limit`");
        }
    });
}

#[test]
fn yielding_for_ever_before_and_after_a_wait() {
    beside("yielding for ever", &[CPU], |host| {
        let before = Guest {
            run: YIELD,
            callback: YIELD,
            ..Guest::default()
        };
        let after = Guest {
            run: &format!("{SLEEP} {WAIT}"),
            callback: YIELD,
            ..Guest::default()
        };
        let runs = [start(host, "before", &before), start(host, "after", &after)];
        for run in &runs {
            fails(run, "cpu-limit", "`cpu-limit`");
        }
    });
}

/// Where no workflow's author would look for his code to run: when it is set up, and when it is given its input.
#[test]
fn computing_for_ever_outside_of_run() {
    beside("computing for ever outside of run", &[CPU], |host| {
        let at_start = Guest {
            items: "(func $spin (loop $again (br $again))) (start $spin)",
            ..Guest::default()
        };
        let for_input = Guest {
            realloc: "(loop $again (br $again)) unreachable",
            ..Guest::default()
        };
        let runs = [
            start(host, "at-start", &at_start),
            start(host, "for-input", &for_input),
        ];
        for run in &runs {
            fails(run, "cpu-limit", "`cpu-limit`");
        }
    });
}

#[test]
fn growing_without_end_before_and_after_a_wait() {
    beside("growing without end", &[MEMORY], |host| {
        let page_by_page = Guest {
            run: &for_ever("(drop (memory.grow (i32.const 1)))"),
            ..Guest::default()
        };
        let runs = [
            start(host, "page-by-page", &page_by_page),
            host.script(&json!({"grow": 1 << 30})),
            host.script(&json!({"seq": [{"sleep": 1}, {"repeat": 100, "do": {"grow": 1 << 20}}, {"grow": 8 << 20}]})),
        ];
        for run in &runs {
            fails(run, "memory-limit", "`memory-limit`");
        }
        assert!(host.peak_memory() < 1 << 29, "{}", host.peak_memory());
    });
}

#[test]
fn recursion_without_end_before_and_after_a_wait() {
    beside("recursion without end", &[], |host| {
        let deep = "(func $deep (param i64) (result i64)
            (i64.add (local.get 0) (call $deep (i64.add (local.get 0) (i64.const 1)))))";
        let dive = "(drop (call $deep (i64.const 0))) unreachable";
        let before = Guest {
            items: deep,
            run: dive,
            ..Guest::default()
        };
        let after = Guest {
            items: deep,
            run: &format!("{SLEEP} {WAIT}"),
            callback: dive,
            ..Guest::default()
        };
        let runs = [start(host, "before", &before), start(host, "after", &after)];
        for run in &runs {
            fails(run, "stack-overflow", "recursion");
        }
    });
}

#[test]
fn a_million_operations() {
    let settings = ["--operations-limit=20000", "--outstanding-limit=1000"];
    beside("a million operations", &settings, |host| {
        let million = Guest {
            run: &format!(
                "{SLEEP} (loop $again
                    (call $abandon (i32.const 0))
                    (global.set $count (i32.add (global.get $count) (i32.const 1)))
                    (br_if $again (i32.lt_u (global.get $count) (i32.const 1000000))))
                unreachable"
            ),
            ..Guest::default()
        };
        let sleeps = Guest {
            run: &for_ever(SLEEP),
            ..Guest::default()
        };
        let given_up = Guest {
            run: &for_ever(&format!("{SLEEP} {CANCEL}")),
            ..Guest::default()
        };
        let million = start(host, "million", &million);
        let sleeps = start(host, "sleeps", &sleeps);
        let given_up = start(host, "given-up", &given_up);
        fails(&million, "limit", "`operations-limit`");
        fails(&sleeps, "limit", "`outstanding-limit`");
        // What is given up is not outstanding any more, and still was an operation.
        fails(&given_up, "limit", "`operations-limit`");
    });
}

#[test]
fn a_gigabyte_as_a_steps_value_and_as_a_line_of_the_log() {
    let settings = ["--memory-limit=2GiB"];
    beside("a gigabyte in one call", &settings, |host| {
        let grow = "(drop (memory.grow (i32.const 16384)))";
        let value = Guest {
            run: &format!(
                "{grow}
                 (call $begin (i32.const 16) (i32.const 4) (i32.const 512))
                 (call $finish (i32.const 16) (i32.const 4)
                    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0x40000000))
                 unreachable"
            ),
            ..Guest::default()
        };
        let line = Guest {
            run: &format!(
                "{grow} (call $log (i32.const 2) (i32.const 0) (i32.const 0x40000000)) unreachable"
            ),
            ..Guest::default()
        };
        let runs = [start(host, "value", &value), start(host, "line", &line)];
        for run in &runs {
            fails(run, "limit", "`body-limit`");
        }
        assert!(host.peak_memory() < 1 << 29, "{}", host.peak_memory());
    });
}

#[test]
fn a_flood_of_log_lines() {
    let settings = [CPU, "--log-limit=100KiB"];
    beside("a flood of log lines", &settings, |host| {
        let flood = Guest {
            run: &for_ever("(call $log (i32.const 2) (i32.const 1024) (i32.const 10000))"),
            ..Guest::default()
        };
        let run = start(host, "flood", &flood);
        fails(&run, "cpu-limit", "`cpu-limit`");
        let logs = run.logs();
        let lines = logs["lines"].as_array().unwrap();
        assert!((2..=11).contains(&lines.len()), "{}", lines.len());
        let last = lines[lines.len() - 1]["message"].as_str().unwrap();
        assert!(last.contains("`log-limit`"), "{last}");
    });
}

/// A future that is dropped may make operations while it goes. They are recorded, and a replay makes them again.
#[test]
fn operations_from_a_future_that_is_dropped() {
    let mut host = Host::start();
    let guest = Guest {
        run: &format!(
            "(loop $again
                {SLEEP} {CANCEL} (call $abandon (i32.const 0))
                (global.set $count (i32.add (global.get $count) (i32.const 1)))
                (br_if $again (i32.lt_u (global.get $count) (i32.const 100))))
             (global.set $task (i32.shr_u
                (call $sleep (i32.const 16) (i32.const 4) (i64.const 1500)) (i32.const 4)))
             (call $join (global.get $task) (global.get $set))
             {WAIT}"
        ),
        callback: &format!(
            "(i32.store (i32.const 512) (global.get $count)) {}",
            give(4)
        ),
        ..Guest::default()
    };
    let run = start(&host, "drops", &guest);
    // All of them are made by the first activation, and committed at once.
    let made = wait_until("the first activation", || {
        Some(run.operations().len()).filter(|made| *made > 0)
    });
    assert!(made > 100, "{made}");
    host.restart();
    assert_eq!(run.end()["status"], "completed");
    assert_eq!(run.get("/output").expect(200).body, 100_u32.to_le_bytes());
    assert_eq!(run.operations().len(), made);
}

#[test]
fn files_and_sockets() {
    let types = "package wasi:filesystem@0.2.0;
        interface types { resource descriptor; }
        interface preopens {
            use types.{descriptor};
            get-directories: func() -> list<tuple<descriptor, string>>;
        }";
    let sockets = "package wasi:sockets@0.2.0;
        interface network {
            enum ip-address-family { ipv4, ipv6 }
            enum error-code {
                unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout,
                concurrency-conflict, not-in-progress, would-block, invalid-state, new-socket-limit,
                address-not-bindable, address-in-use, remote-unreachable, connection-refused, connection-reset,
                connection-aborted, datagram-too-large, name-unresolvable, temporary-resolver-failure,
                permanent-resolver-failure,
            }
        }
        interface tcp { resource tcp-socket; }
        interface tcp-create-socket {
            use network.{ip-address-family, error-code};
            use tcp.{tcp-socket};
            create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
        }";
    beside("files and sockets", &[], |host| {
        let guest = Guest {
            packages: &[types, sockets],
            world: "import wasi:filesystem/preopens@0.2.0; import wasi:sockets/tcp-create-socket@0.2.0;",
            imports: r#"
                (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
                (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $tcp (param i32 i32)))"#,
            // A result is whether it is an error, and which; a list is a pointer and a length.
            run: &format!(
                "(call $tcp (i32.const 0) (i32.const 512))
                 (call $directories (i32.const 520))
                 (i32.store8 (i32.const 513) (i32.load8_u (i32.const 516)))
                 (i32.store8 (i32.const 514) (i32.load8_u (i32.const 524)))
                 {}",
                give(3)
            ),
            ..Guest::default()
        };
        let run = start(host, "reaches-out", &guest);
        assert_eq!(run.end()["status"], "completed");
        let (is_error, access_denied, folders) = (1, 1, 0);
        let given = run.get("/output").expect(200).body;
        assert_eq!(given[0], is_error);
        assert_eq!(given[2], folders);
        assert_eq!(given[1], access_denied);
    });
}

/// What takes memory of the host without being memory of the guest.
#[test]
fn huge_tables() {
    beside("huge tables", &[MEMORY], |host| {
        let from_the_start = Guest {
            items: "(table 100000000 funcref)",
            ..Guest::default()
        };
        let many = Guest {
            items: &"(table 1000 funcref)".repeat(1_000),
            ..Guest::default()
        };
        let growing = Guest {
            items: "(table $t 1 funcref)",
            run: &for_ever("(drop (table.grow $t (ref.null func) (i32.const 1000)))"),
            ..Guest::default()
        };
        let refused = |guest: &Guest<'_>, code: &str, says: &str| {
            let answer = host.upload("w", &guest.bytes());
            let detail = answer.expect_problem(422, code).detail();
            assert!(detail.contains(says), "{detail}");
        };
        refused(&from_the_start, "not-linkable", "65536");
        refused(&many, "invalid-wasm", "tables");
        fails(&start(host, "growing", &growing), "limit", "65536");
    });
}

#[test]
fn components_that_keep_the_compiler_busy() {
    let busy = "block local.get 0 br_if 0 end ".repeat(30);
    let functions = format!("(func (param i32) {busy})").repeat(10_000);
    let components = [bomb(), with_functions(&functions)];
    let settings = ["--compile-time-limit=1s"];
    beside(
        "components that keep the compiler busy",
        &settings,
        |host| {
            too_complex(host, &components, "`compile-time-limit`");
        },
    );
}

#[test]
fn components_that_eat_the_compilers_memory() {
    const MANY: usize = 1_500;
    // Each local may be another value in each of the loops around it.
    let changes = (0..MANY)
        .map(|local| format!("(local.set {local} (i32.add (local.get {local}) (i32.const 1)))\n"));
    let nest = format!(
        "(func (local{}) {} {} {})",
        " i32".repeat(MANY),
        "loop\n".repeat(MANY),
        changes.collect::<String>(),
        "local.get 0 br_if 0 end\n".repeat(MANY),
    );
    let components = [with_functions(&nest)];
    let settings = ["--compile-memory-limit=256MiB"];
    beside(
        "components that eat the compiler's memory",
        &settings,
        |host| {
            too_complex(host, &components, "`compile-memory-limit`");
        },
    );
}

/// Uploads all of them at once, and checks that each is refused for this limit.
#[track_caller]
fn too_complex(host: &Host, components: &[Vec<u8>], setting: &str) {
    thread::scope(|scope| {
        for component in components {
            scope.spawn(move || {
                let answer = host
                    .upload("w", component)
                    .expect_problem(422, "too-complex");
                assert!(answer.detail().contains(setting), "{}", answer.detail());
            });
        }
    });
}
