//! The main property: a rebuilt workflow does the same as the original, byte for byte, whatever the workflow does and
//! in whatever order its operations complete.

use bytes::Bytes;
use dormouse_journal::{
    CallError, Completion, Delivery, Frontier, Kind, Outcome, Request, Response, Time, encode,
    json_payload,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::Run;

/// Returns what a script is made of.
fn form() -> impl Strategy<Value = Value> {
    let ms = || 0..100_u64;
    let leaf = prop_oneof![
        ms().prop_map(|ms| json!({"sleep": ms})),
        ("[ab]", proptest::option::of(ms())).prop_map(|(a, ms)| json!({"wait": a, "ms": ms})),
        ("[ef]", proptest::option::of(ms())).prop_map(|(e, ms)| json!({"event": e, "ms": ms})),
        "[ef]".prop_map(|e| json!({"notify": e, "body": {"from": "${a.url}"}})),
        (1..4_u32).prop_map(|n| json!({"call": {
            "method": "POST", "url": "http://s.example/", "body": "${b.url}", "attempts": n,
        }})),
        any::<u8>().prop_map(|value| json!({"step": "s", "value": value})),
        "[ab]".prop_map(|a| json!({"close": a})),
        "[a-z]{0,9}".prop_map(|text| json!({"log": text})),
        (1..40_usize).prop_map(|length| json!({"random": length})),
        Just(json!({"now": true})),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let several = || vec(inner.clone(), 1..5);
        prop_oneof![
            several().prop_map(|forms| json!({"seq": forms})),
            several().prop_map(|forms| json!({"join": forms})),
            several().prop_map(|forms| json!({"race": forms})),
            (1..4_u32, inner.clone()).prop_map(|(n, form)| json!({"repeat": n, "do": form})),
        ]
    })
}

/// Completes one of the open operations after the other, as the picks say, until the run ends.
fn drive(run: &mut Run, picks: &[u16], evict: bool) {
    run.start();
    let mut frontier = Frontier::new();
    let mut time = 1_000;
    for pick in picks {
        frontier.apply(&run.last().activation);
        if run.last().activation.end.is_some() {
            return;
        }
        let open: Vec<_> = frontier.open().collect();
        let (operation, open) = open[usize::from(*pick) % open.len()];
        let outcome = outcome(&open.kind, *pick);
        time += u64::from(*pick) % 50;
        if evict {
            run.evict();
        }
        let completion = Completion { operation, outcome };
        run.try_activate(time, Some(completion)).unwrap();
    }
}

fn outcome(kind: &Kind, pick: u16) -> Outcome {
    let body = || Bytes::from(pick.to_le_bytes().to_vec());
    match (kind, pick % 3) {
        (Kind::WaitForWebhook { .. }, 1..) => Outcome::Delivery(Some(Delivery {
            id: format!("d{pick}"),
            accepted: Time(1_000),
            request: Request {
                method: "POST".into(),
                url: "https://host.example/hooks/0".into(),
                headers: vec![("x-pick".into(), body())],
                body: body(),
            },
        })),
        (Kind::Call { .. }, 1..) => Outcome::Response(Ok(Response {
            status: pick,
            headers: vec![],
            body: body(),
        })),
        (Kind::Call { .. }, 0) => Outcome::Response(Err(CallError::Unreachable("gone".into()))),
        (Kind::WaitForEvent { .. }, 1..) => {
            Outcome::Event(Some(json_payload(pick.to_string().into_bytes())))
        }
        (Kind::Notify { .. }, _) => Outcome::Notified(u32::from(pick)),
        (kind, _) => Outcome::given_up(kind).unwrap(),
    }
}

fn bytes(run: &Run) -> Vec<Vec<u8>> {
    run.journal.iter().map(encode).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rebuilt_run_does_what_the_first_did(form in form(), picks in vec(any::<u16>(), 0..40)) {
        let script = json!({"seq": [{"webhook": "a"}, {"webhook": "b"}, form]});
        let run = || Run::script(script.clone());

        let mut live = run();
        drive(&mut live, &picks, false);

        let mut evicted = run();
        drive(&mut evicted, &picks, true);
        prop_assert_eq!(bytes(&live), bytes(&evicted));
        prop_assert_eq!(&live.decisions, &evicted.decisions);

        let mut rebuilt = run().with(|parts| parts.rebuild_after_step = true);
        drive(&mut rebuilt, &picks, false);
        prop_assert_eq!(bytes(&live), bytes(&rebuilt));
        prop_assert_eq!(&live.decisions, &rebuilt.decisions);
    }
}
