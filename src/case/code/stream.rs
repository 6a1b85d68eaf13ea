//! STREAM, where several answers have to run side by side. What one stream shows, the ambient rules judge.

use super::cost;
use crate::case::ask::quoted;
use crate::case::header::CodeCase;
use crate::case::{Ask, Bench, Inconclusive, Verdict};
use crate::contract::STREAM_9;
use crate::judge::{Check, Mode};
use futures_util::future::join_all;

/// Words that no prompt of a person has: each marks one answer.
const WORDS: [&str; 4] = ["zirkonqu", "mandelvo", "kestrapi", "borunsk"];

/// STREAM-9: answers that run side by side do not mix.
pub(super) const APART: CodeCase = CodeCase {
    id: "stream.apart",
    requirement: STREAM_9,
    in_stream: None,
    also: &[],
    why: "Answers that run at the same time share buffers in careless servers.",
    sends: "two streams and a JSON answer at the same time, each prompt with a word of its own",
    expects: "200 to each; no chunk of one in another, by id and, where the target repeats its prompts, by text",
    modes: &[Mode::Stream],
    needs: &[],
    cost: cost(3, 3),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(apart(bench)),
};

async fn apart(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let ask = |mode: Mode, word: &str| {
        let text = format!("{} Mention the word {word}.", bench.profile.prompt.text);
        let body = format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":{}}}],\"stream\":{}}}",
            quoted(&text),
            mode == Mode::Stream
        );
        let mut ask = Ask::with_body(bench.profile, mode, body.into_bytes());
        ask.word = Some(word.to_owned());
        ask
    };
    let asks = vec![
        ask(Mode::Stream, WORDS[0]),
        ask(Mode::Stream, WORDS[1]),
        ask(Mode::Json, WORDS[2]),
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
