//! The ids of a run's answers, for STREAM-9: a chunk whose id belongs to another answer is a leak.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Ids that are remembered at least; at most twice as many.
const MOST: usize = 1 << 19;

/// What is known of ids. Hashes are kept, eight bytes each.
#[derive(Debug, Default)]
pub(super) struct Ids {
    hasher: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The latest, and those before them. When there are [`MOST`] of the one, the other are forgotten.
    late: Hashes,
    early: Hashes,
    /// Two answers had one id: on such a target ids say nothing.
    repeated: bool,
}

/// Hashes are not hashed again.
type Hashes = HashSet<u64, BuildHasherDefault<Same>>;

#[derive(Debug, Default)]
struct Same(u64);

impl Hasher for Same {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Seen {
    fn has(&self, hash: u64) -> bool {
        self.late.contains(&hash) || self.early.contains(&hash)
    }
}

impl Ids {
    /// An answer has that id; each answer tells it once.
    pub(super) fn begun(&self, id: &str) {
        let hash = self.hasher.hash_one(id);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.has(hash) {
            seen.repeated = true;
            return;
        }
        seen.late.insert(hash);
        if seen.late.len() >= MOST {
            seen.early = std::mem::take(&mut seen.late);
        }
    }

    /// Whether that id belongs to an answer of the run, on a target that gives each answer its own.
    pub(super) fn belongs_to_another(&self, id: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        !seen.repeated && seen.has(self.hasher.hash_one(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_two_answers_have_says_nothing() {
        let ids = Ids::default();
        ids.begun("chatcmpl-1");
        ids.begun("chatcmpl-2");
        assert!(ids.belongs_to_another("chatcmpl-1"));
        assert!(!ids.belongs_to_another("chatcmpl-3"));
        ids.begun("chatcmpl-2");
        assert!(!ids.belongs_to_another("chatcmpl-1"));
    }
}
