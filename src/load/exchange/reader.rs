//! What is made of an answer's body while it comes, whatever brings it.

use crate::judge::Mode;
use crate::load::ids::Ids;
use crate::load::measured::{Cut, Measured};
use crate::load::order::Order;
use crate::load::sieve::Sieve;
use crate::load::verdict;
use crate::wire::End;
use std::time::{Duration, Instant};

/// Bodies that are no streams are kept up to this; longer ones are no documented answers.
const MOST: usize = 4 * 1024 * 1024;

/// Takes an answer's body as it comes.
pub(super) struct Reader<'a> {
    pub(super) order: &'a Order,
    stall: Duration,
    ids: &'a Ids,
    /// Of a stream that was asked for and came.
    sieve: Option<Sieve>,
    told_id: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(order: &'a Order, stall: Duration, ids: &'a Ids) -> Reader<'a> {
        Reader {
            order,
            stall,
            ids,
            sieve: None,
            told_id: false,
        }
    }

    /// The head has come.
    pub(super) fn begin(&mut self, status: u16) {
        self.sieve = (self.order.mode == Mode::Stream && status == 200)
            .then(|| Sieve::new(self.order.keep_text));
    }

    /// Takes what a read brought of the body; says how the answer ends, if that is enough of it.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        at: Instant,
        measured: &mut Measured,
    ) -> Option<(End, Option<Cut>)> {
        let Some(sieve) = &mut self.sieve else {
            measured.body.bytes.extend_from_slice(bytes);
            let size = measured.body.bytes.len();
            measured.body.arrivals = vec![(size, at)];
            return (size > MOST).then_some((End::TooLarge, None));
        };
        let brought = sieve.feed(bytes, at);
        if brought.events > 0 && measured.first_event.is_none() {
            measured.first_event = Some(at);
        }
        if let (false, Some(id)) = (self.told_id, sieve.id()) {
            // At once: another stream may bring it while this one runs (STREAM-9).
            self.ids.begun(id);
            self.told_id = true;
        }
        measured.contents_came(brought.contents, at, self.stall);
        let enough = self
            .order
            .abandon_after
            .is_some_and(|chunks| measured.contents >= chunks);
        if enough && !sieve.is_done() {
            return Some((End::Abandoned, Some(Cut::Ourselves)));
        }
        sieve.is_too_large().then_some((End::TooLarge, None))
    }

    /// The answer is over.
    pub(super) fn finish(self, end: &End, at: Instant, measured: &mut Measured) {
        if let Some(sieve) = self.sieve {
            // Where the head has to be read by the rules, they need a body to it.
            let sure = *end == End::Complete
                && measured.surplus.is_empty()
                && measured
                    .answered
                    .as_ref()
                    .is_some_and(|answered| verdict::right_head(answered, self.order.mode));
            measured.sieved = Some(sieve.finish(sure, at));
        }
    }
}
