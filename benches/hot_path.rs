//! What an event and an answer cost in the measured path, socket and HTTP aside: `cargo bench`.

use std::hint::black_box;

use clawcheck::judge::certain;
use clawcheck::load;
use clawcheck::record::Distribution;
use clawcheck::sse;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const CHUNK: &str = r#"{"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"word "}}]}"#;
const REPLY: &str = r#"{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Yes, and it answers at once."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":17,"total_tokens":26}}"#;

/// Events of a stream, `[DONE]` aside.
const EVENTS: u64 = 200;

fn stream() -> String {
    let mut stream = format!("data: {CHUNK}\n\n").repeat(EVENTS as usize);
    stream.push_str("data: [DONE]\n\n");
    stream
}

fn benches(criterion: &mut Criterion) {
    let stream = stream();
    let event = stream.len() / (EVENTS as usize + 1);

    let mut group = criterion.benchmark_group("a stream of 200 events");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("sse parser", |bench| {
        bench.iter(|| {
            let mut parser = sse::Parser::new();
            let events = stream.as_bytes().chunks(event);
            events
                .map(|bytes| parser.feed(black_box(bytes)).len())
                .sum::<usize>()
        });
    });
    group.bench_function("exchange: sieve, an event a read", |bench| {
        bench.iter(|| load::sieve(black_box(stream.as_bytes()), event + 1));
    });
    group.bench_function("exchange: sieve, all in one read", |bench| {
        bench.iter(|| load::sieve(black_box(stream.as_bytes()), stream.len()));
    });
    group.finish();

    let mut group = criterion.benchmark_group("judge, fast path");
    group.throughput(Throughput::Elements(1));
    group.bench_function("chunk", |bench| {
        bench.iter(|| certain::chunk(black_box(CHUNK.as_bytes())).is_some());
    });
    group.bench_function("reply", |bench| {
        bench.iter(|| certain::reply(black_box(REPLY.as_bytes())).is_some());
    });
    group.finish();

    let mut group = criterion.benchmark_group("recorder");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("200 gaps into a distribution", |bench| {
        let mut distribution = Distribution::new("ms");
        bench.iter(|| {
            for gap in 0..EVENTS {
                distribution.record(black_box(20_000 + gap % 50));
            }
        });
    });
    group.finish();
}

criterion_group!(hot_path, benches);
criterion_main!(hot_path);
