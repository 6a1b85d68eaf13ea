//! Load: honest numbers about many streams at once, every answer judged.

mod sieve;
