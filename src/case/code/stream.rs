//! STREAM, where several answers have to run side by side. What one stream shows, the ambient rules judge.

use super::cost;
use crate::case::ask::quoted;
use crate::case::header::CodeCase;
use crate::case::{Ask, Bench, Inconclusive, Verdict, made_up_bot};
use crate::contract::STREAM_9;
use crate::judge::{Check, Mode};
use futures_util::future::join_all;

/// Words that no prompt of a person has: each marks one answer.
const WORDS: [&str; 4] = ["zirkonqu", "mandelvo", "kestrapi", "borunsk"];

/// STREAM-9: answers that run side by side do not mix, nor one with what is left of one before.
pub(super) const APART: CodeCase = CodeCase {
    id: "stream.apart",
    requirement: STREAM_9,
    in_stream: None,
    also: &[],
    why: "Answers that run at the same time share buffers in careless servers, and so do those that follow on one that its client left.",
    sends: "a long stream that is left as it begins; then two streams and a JSON answer at the same time, each prompt with a word of its own",
    expects: "200 to each; no chunk of one in another, by id and, where the target repeats its prompts, by text",
    modes: &[Mode::Stream],
    needs: &[],
    cost: cost(5, 4),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(apart(bench)),
};

async fn apart(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let ask = |mode: Mode, prompt: &str, word: &str| {
        let text = format!("{prompt} Mention the word {word}.");
        let body = format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}],\"stream\":{}}}",
            quoted(&text),
            mode == Mode::Stream
        );
        let mut ask = Ask::with_body(bench.profile, mode, body.into_bytes());
        ask.word = Some(word.to_owned());
        ask
    };
    // A short one might be over before we leave it.
    let long = ask(Mode::Stream, &bench.profile.prompt.long, WORDS[3]);
    let left = bench.courier.open(long).await;
    let _ = bench.courier.abandon(left);
    // Whoever answers this has had the time to notice.
    let unknown = made_up_bot(&bench.profile.bots.main.id);
    let refused = bench.plain().bot_id(bench.profile, &unknown);
    bench.send(refused.provoking(&[404])).await?;
    let prompt = &bench.profile.prompt.text;
    let asks = vec![
        ask(Mode::Stream, prompt, WORDS[0]),
        ask(Mode::Stream, prompt, WORDS[1]),
        ask(Mode::Json, prompt, WORDS[2]),
    ];
    let mut verdict = Verdict::default();
    for delivery in join_all(asks.into_iter().map(|ask| bench.send(ask))).await {
        let delivery = delivery?;
        let answer = delivery.answer();
        let expected = "200 beside other answers";
        let check = match answer.status() {
            Some(200) => Check::pass(STREAM_9, "status", expected, "200"),
            _ => Check::violation(STREAM_9, "status", expected, answer.summary()),
        };
        verdict.join(Verdict::of(vec![check], &delivery));
    }
    Ok(verdict)
}
