//! Deviations: what sets a server apart from the honest mock, as values.
//!
//! A *violation* breaks a MUST, a *flaw* only a SHOULD, and a *leniency* nothing at all: it is another answer that
//! the contract allows. Each bends the honest path at a few seams; which of them a mock has is part of its
//! [config](super::MockConfig), and the honest path knows none.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::contract::RequirementId;

use super::answer::{Answer, Head, Payload};
use super::bending::Seam;
use super::fixtures::Fixtures;
use super::guards::{Decision, Guard, Refusal};
use super::request::Asked;
use super::seam::Bend;
use super::server::Connection;
use super::socket::{Outgoing, Tap};
use super::stream::{Event, Pacing};
use super::{flaws, leniencies, violations};

/// What a deviation does to the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// It breaks a MUST.
    Violation,
    /// It breaks nothing: the contract leaves it open, or allows it in so many words.
    Leniency,
    /// It breaks a SHOULD and no MUST.
    Flaw,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Violation, Kind::Leniency, Kind::Flaw];

    /// The word for one of them.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Violation => "violation",
            Kind::Leniency => "leniency",
            Kind::Flaw => "flaw",
        }
    }

    /// The word for several.
    pub const fn plural(self) -> &'static str {
        match self {
            Kind::Violation => "violations",
            Kind::Leniency => "leniencies",
            Kind::Flaw => "flaws",
        }
    }
}

/// One way in which a server differs from the honest mock.
pub struct Deviation {
    /// Its id, unique among all deviations: `cors.no-allow-origin-on-post`.
    pub id: Cow<'static, str>,
    /// What it does to the contract.
    pub kind: Kind,
    /// The requirements that it breaks, the one it was written for first; of a leniency, those whose room it uses.
    pub about: Vec<RequirementId>,
    /// What such a server does, in a sentence.
    pub says: Cow<'static, str>,
    /// Of a leniency, what it settles (`error.place`): two that settle the same can't be had together.
    pub settles: &'static [&'static str],
    /// It keeps a client waiting for many seconds: worth starting early where many are tried.
    pub slow: bool,
    seams: Vec<Seam>,
}

impl fmt::Debug for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deviation")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Deviation {
    /// Every deviation of a kind, made for a mock with these fixtures. Each has its own memory: a value serves one
    /// mock.
    pub fn all(kind: Kind, fixtures: &Fixtures) -> Vec<Deviation> {
        match kind {
            Kind::Violation => violations::all(fixtures),
            Kind::Leniency => leniencies::all(fixtures),
            Kind::Flaw => flaws::all(fixtures),
        }
    }

    /// The same, marked as one that keeps a client waiting.
    pub(super) fn slow(mut self) -> Deviation {
        self.slow = true;
        self
    }

    /// Whether it shows in the bytes of HTTP/1.1 alone: all it bends is the socket seam, which HTTP/2 does not have.
    pub fn needs_http1(&self) -> bool {
        self.seams
            .iter()
            .all(|seam| matches!(seam, Seam::Socket(_)))
    }

    /// Whether both can be had in one server: they settle nothing in common.
    pub fn goes_with(&self, other: &Deviation) -> bool {
        self.id != other.id
            && self
                .settles
                .iter()
                .all(|settled| !other.settles.contains(settled))
    }
}

/// A violation.
pub(super) fn violation<const R: usize, const S: usize>(
    id: impl Into<Cow<'static, str>>,
    breaks: [RequirementId; R],
    says: impl Into<Cow<'static, str>>,
    seams: [Seam; S],
) -> Deviation {
    deviation(Kind::Violation, id, breaks, says, &[], seams)
}

/// A leniency, with what it settles.
pub(super) fn leniency<const R: usize, const S: usize>(
    id: impl Into<Cow<'static, str>>,
    about: [RequirementId; R],
    says: impl Into<Cow<'static, str>>,
    settles: &'static [&'static str],
    seams: [Seam; S],
) -> Deviation {
    deviation(Kind::Leniency, id, about, says, settles, seams)
}

/// A flaw.
pub(super) fn flaw<const R: usize, const S: usize>(
    id: impl Into<Cow<'static, str>>,
    against: [RequirementId; R],
    says: impl Into<Cow<'static, str>>,
    seams: [Seam; S],
) -> Deviation {
    deviation(Kind::Flaw, id, against, says, &[], seams)
}

fn deviation<const R: usize, const S: usize>(
    kind: Kind,
    id: impl Into<Cow<'static, str>>,
    about: [RequirementId; R],
    says: impl Into<Cow<'static, str>>,
    settles: &'static [&'static str],
    seams: [Seam; S],
) -> Deviation {
    const {
        assert!(R > 0, "a deviation is about a requirement");
    }
    Deviation {
        id: id.into(),
        kind,
        about: about.into(),
        says: says.into(),
        settles,
        slow: false,
        seams: seams.into(),
    }
}

/// Several deviations in one server, each bending what those before it left.
#[derive(Debug)]
pub struct Deviations(Vec<Deviation>);

impl Deviations {
    /// These deviations together, in this order.
    pub fn new(deviations: impl IntoIterator<Item = Deviation>) -> Arc<Deviations> {
        Arc::new(Deviations(deviations.into_iter().collect()))
    }

    fn seams(&self) -> impl Iterator<Item = &Seam> {
        self.0.iter().flat_map(|deviation| &deviation.seams)
    }
}

impl Bend for Deviations {
    fn reach(&self) -> usize {
        self.seams()
            .filter_map(|seam| match seam {
                Seam::Reach(bytes) => Some(*bytes),
                _ => None, // every other seam leaves the reach alone
            })
            .fold(crate::contract::size::BINARY_LIMIT, usize::max)
    }

    fn guard(
        &self,
        asked: &Asked,
        guard: Guard,
        verdict: Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.seams().fold(verdict, |verdict, seam| match seam {
            Seam::Guard(bend) => bend(asked, guard, verdict),
            _ => verdict, // as in the methods below: a seam bends in one place
        })
    }

    fn decision(&self, asked: &Asked, decision: Decision) -> Decision {
        self.seams().fold(decision, |decision, seam| match seam {
            Seam::Decision(bend) => bend(asked, decision),
            _ => decision,
        })
    }

    fn answer(&self, asked: &Asked, answer: &mut Answer) {
        for seam in self.seams() {
            if let Seam::Answer(bend) = seam {
                bend(asked, answer);
            }
        }
    }

    fn head(&self, asked: &Asked, head: &mut Head) {
        for seam in self.seams() {
            if let Seam::Head(bend) = seam {
                bend(asked, head);
            }
        }
    }

    fn json(&self, asked: &Asked, payload: &mut Payload) {
        for seam in self.seams() {
            if let Seam::Json(bend) = seam {
                bend(asked, payload);
            }
        }
    }

    fn bends_json(&self) -> bool {
        self.seams().any(|seam| matches!(seam, Seam::Json(_)))
    }

    fn events(&self, asked: &Asked, events: &mut Vec<Event>) {
        for seam in self.seams() {
            if let Seam::Events(bend) = seam {
                bend(asked, events);
            }
        }
    }

    fn pacing(&self, asked: &Asked, pacing: &mut Pacing) {
        for seam in self.seams() {
            if let Seam::Pacing(bend) = seam {
                bend(asked, pacing);
            }
        }
    }

    fn socket(&self, connection: &Arc<Connection>) -> Option<Box<dyn Tap>> {
        let mut taps: Vec<Box<dyn Tap>> = self
            .seams()
            .filter_map(|seam| match seam {
                Seam::Socket(bend) => bend(connection),
                _ => None,
            })
            .collect();
        match taps.len() {
            0 => None,
            1 => taps.pop(),
            _ => Some(Box::new(Taps(taps))),
        }
    }
}

/// Several taps on one connection: what one puts on the wire goes through the next.
struct Taps(Vec<Box<dyn Tap>>);

impl Tap for Taps {
    fn incoming(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        for tap in &mut self.0 {
            tap.incoming(bytes, out);
        }
    }

    fn outgoing(&mut self, bytes: &[u8], out: &mut VecDeque<Outgoing>) {
        let mut flowing = VecDeque::from([Outgoing::Bytes(bytes::Bytes::copy_from_slice(bytes))]);
        for tap in &mut self.0 {
            let mut next = VecDeque::new();
            for item in flowing {
                match item {
                    Outgoing::Bytes(bytes) => tap.outgoing(&bytes, &mut next),
                    Outgoing::Pause(_) | Outgoing::Close | Outgoing::Reset => next.push_back(item),
                }
            }
            flowing = next;
        }
        out.append(&mut flowing);
    }
}
