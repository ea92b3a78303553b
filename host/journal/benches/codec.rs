//! The cost of writing and reading a record: for the activation that makes a run wait, and for the one that
//! wakes it.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dormouse_journal::{
    Activation, Completion, Delivery, Digest, Fields, Kind, Operation, OperationNumber, Outcome,
    Request, Time, WebhookNumber, WebhookOptions,
};

const HOOK: WebhookNumber = WebhookNumber(0);

fn activation(completion: Option<Completion>, kinds: Vec<Kind>) -> Activation {
    let operation = |kind| Operation {
        step: "paid".into(),
        digest: Digest::of(&0u8),
        kind,
        fields: Fields::default(),
    };
    Activation {
        time: Time(1_800_000_000_000),
        completion,
        operations: kinds.into_iter().map(operation).collect(),
        log_lines: 0,
        end: None,
        shift: 0,
        origin: None,
    }
}

fn wait() -> Kind {
    Kind::WaitForWebhook {
        webhook: HOOK,
        timeout: Some(60_000),
    }
}

fn first() -> Activation {
    let create = Kind::CreateWebhook {
        webhook: HOOK,
        url: format!("https://hooks.example.com/hooks/{}", "t".repeat(56)),
        options: WebhookOptions::default(),
    };
    activation(None, vec![create, wait()])
}

fn delivery(body: usize) -> Activation {
    let request = Request {
        method: "POST".into(),
        url: "https://hooks.example.com/hooks/t".into(),
        headers: vec![("user-agent".into(), Bytes::from_static(b"curl/8.5.0"))],
        body: vec![b'x'; body].into(),
    };
    let completion = Completion {
        operation: OperationNumber(1),
        outcome: Outcome::Delivery(Some(Delivery {
            id: "019a0000-0000-7000-8000-000000000000".into(),
            accepted: Time(1_800_000_000_000),
            request,
        })),
    };
    activation(Some(completion), vec![wait()])
}

fn codec(criterion: &mut Criterion) {
    for (name, activation) in [
        ("first", first()),
        ("delivery of 100 B", delivery(100)),
        ("delivery of 16 KiB", delivery(16 << 10)),
    ] {
        let record = activation.encode();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(record.len() as u64));
        group.bench_function("encode", |bencher| {
            bencher.iter(|| black_box(&activation).encode());
        });
        group.bench_function("decode", |bencher| {
            bencher.iter(|| Activation::decode(black_box(&record)));
        });
        group.finish();
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
