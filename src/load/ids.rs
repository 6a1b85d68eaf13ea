//! The ids of a run's answers, for STREAM-9: a chunk whose id belongs to another answer is a leak.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

/// Ids that are remembered: the last million.
const MOST: usize = 1 << 20;

/// What is known of ids. Hashes are kept, eight bytes each.
#[derive(Debug, Default)]
pub(super) struct Ids {
    hasher: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    known: HashSet<u64>,
    order: VecDeque<u64>,
    /// Two answers had one id: on such a target ids say nothing.
    repeated: bool,
}

impl Ids {
    /// An answer has that id; each answer tells it once.
    pub(super) fn begun(&self, id: &str) {
        let hash = self.hasher.hash_one(id);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.known.insert(hash) {
            seen.repeated = true;
            return;
        }
        seen.order.push_back(hash);
        if seen.order.len() > MOST
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.known.remove(&oldest);
        }
    }

    /// Whether that id belongs to an answer of the run, on a target that gives each answer its own.
    pub(super) fn belongs_to_another(&self, id: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        !seen.repeated && seen.known.contains(&self.hasher.hash_one(id))
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
