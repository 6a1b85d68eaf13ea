//! ORDER, where answers have to be compared.

use super::cost;
use super::route::said;
use crate::case::header::CodeCase;
use crate::case::{Bench, Inconclusive, Verdict, made_up_bot, made_up_key};
use crate::contract::ORDER_2;
use crate::judge::{Check, Mode};
use crate::profile::Fixture;

/// ORDER-2: without a valid key nobody learns whether a bot exists.
pub(super) const EXISTENCE: CodeCase = CodeCase {
    id: "order.existence",
    requirement: ORDER_2,
    in_stream: None,
    also: &[],
    why: "A stranger who can tell which ids exist can collect them.",
    sends: "no key, and a made-up key, to the main bot, to one whose access is off and to one that does not exist",
    expects: "the same status, code and message for all of them",
    modes: &[Mode::Json],
    needs: &[],
    cost: cost(6, 0),
    uses_up: None,
    http1: false,
    run: |bench| Box::pin(existence(bench)),
};

async fn existence(bench: &Bench<'_>) -> Result<Verdict, Inconclusive> {
    let main = &bench.profile.bots.main.id;
    let other = made_up_bot(main);
    let mut verdict = Verdict::default();
    let made_up = made_up_key(&bench.main_key());
    for (name, key) in [
        ("without a key", None),
        ("with a made-up key", Some(made_up)),
    ] {
        let ask = |id: &str| {
            let ask = bench
                .plain()
                .bot_id(bench.profile, id)
                .provoking(&[401, 403, 404]);
            match &key {
                Some(key) => ask.key(key.clone()),
                None => ask.authorization(None, None),
            }
        };
        let nowhere = bench.send(ask(&other)).await?;
        let there = bench.send(ask(main)).await?;
        if let Some(off) = bench.profile.bot(Fixture::BotApiOff) {
            let off_there = bench.send(ask(&off.id)).await?;
            let (expected, actual) = (said(&nowhere, &other), said(&off_there, &off.id));
            let name = format!("{name}, access turned off");
            let check = if expected == actual {
                Check::pass(ORDER_2, name, expected, actual)
            } else {
                Check::advice(
                    ORDER_2,
                    name,
                    format!("as for a bot that does not exist: {expected}"),
                    actual,
                )
            };
            verdict.join(Verdict::of(vec![check], &off_there));
        }
        let (expected, actual) = (said(&there, main), said(&nowhere, &other));
        let check = if expected == actual {
            Check::pass(ORDER_2, name, expected, actual)
        } else {
            Check::advice(
                ORDER_2,
                name,
                format!("as for a bot that exists: {expected}"),
                actual,
            )
        };
        verdict.join(Verdict::of(vec![check], &nowhere));
    }
    Ok(verdict)
}
