//! Words: what an answer says, made from the seed and the prompt alone.

/// What the generator's state grows by.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A small generator (splitmix64) whose numbers depend on nothing but seed and name, so that fixtures and words stay
/// the same from version to version.
#[derive(Debug, Clone)]
pub(super) struct Mixer(u64);

impl Mixer {
    pub(super) fn named(seed: u64, name: &str) -> Self {
        // FNV-1a over the name; the first number mixes it with the seed.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut mixer = Self(seed);
        Self(mixer.number() ^ hash)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The generator so many steps further on.
    pub(super) fn offset(self, steps: u64) -> Self {
        Self(self.0.wrapping_add(steps.wrapping_mul(STEP)))
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % (bound.max(1) as u64)).unwrap_or(0)
    }

    pub(super) fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length)
            .map(|_| char::from(alphabet[self.below(alphabet.len())]))
            .collect()
    }
}

/// How many characters of the prompt an answer repeats.
const REPEATED: usize = 60;

const VOCABULARY: [&str; 24] = [
    "a", "the", "claw", "bite", "small", "quick", "answer", "follows", "from", "your", "words",
    "and", "from", "nothing", "else", "so", "that", "any", "two", "runs", "say", "the", "same",
    "thing",
];

/// What the mock of that seed answers to that prompt, chunk by chunk: it repeats the prompt's beginning, so that an
/// answer meant for somebody else is seen as such. A prompt that asks to count to one hundred is counted for.
pub fn reply_pieces(seed: u64, chunks: usize, prompt: &str) -> Vec<String> {
    if asks_for_long(prompt) {
        return (1..=100).map(|number| format!("{number}\n")).collect();
    }
    pieces_of(seed, chunks, prompt)
}

/// The same, in so many chunks whatever the prompt asks for; at least one.
pub fn pieces_of(seed: u64, chunks: usize, prompt: &str) -> Vec<String> {
    let repeated: String = prompt.trim().chars().take(REPEATED).collect();
    let mut pieces = vec![
        "You ".to_owned(),
        "said: ".to_owned(),
        format!("\"{repeated}\" "),
        "Hence ".to_owned(),
    ];
    let mut mixer = Mixer::named(seed, prompt);
    while pieces.len() < chunks {
        pieces.push(format!("{} ", VOCABULARY[mixer.below(VOCABULARY.len())]));
    }
    let chunks = chunks.max(1);
    if pieces.len() > chunks {
        let rest: String = pieces.drain(chunks - 1..).collect();
        pieces.push(rest);
    }
    if let Some(last) = pieces.last_mut() {
        last.truncate(last.trim_end().len());
        last.push('.');
    }
    pieces
}

/// Whether the prompt asks for an answer that keeps a stream open.
pub(super) fn asks_for_long(prompt: &str) -> bool {
    prompt.to_lowercase().contains("count to one hundred")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_as_many_chunks_as_asked_and_repeats_the_prompt() {
        for chunks in [1, 2, 3, 8, 200] {
            let pieces = reply_pieces(7, chunks, "Say hello.");
            assert_eq!(pieces.len(), chunks);
            assert!(pieces.iter().all(|piece| !piece.is_empty()));
            assert!(pieces.concat().contains("Say hello."), "{pieces:?}");
        }
        assert_eq!(reply_pieces(7, 0, "x").len(), 1);
        assert_eq!(
            reply_pieces(7, 8, super::super::PROMPT_LONG).len(),
            100,
            "the profile's long prompt"
        );
    }

    #[test]
    fn words_follow_from_seed_and_prompt() {
        assert_eq!(reply_pieces(7, 9, "a"), reply_pieces(7, 9, "a"));
        assert_ne!(reply_pieces(7, 9, "a"), reply_pieces(8, 9, "a"));
        assert_ne!(reply_pieces(7, 9, "a"), reply_pieces(7, 9, "b"));
    }
}
