//! The words of a file that stand for the variants of an enum: declared once, for the keys, the reader and the writer.

use super::model::Shape;
use super::prompts::Builtin;
use super::{Ci, Connections, Contract, OnSaturation, Throttled};
use crate::profile::Section;

macro_rules! words {
    ($($type:ident { $($variant:ident $word:literal)* })*) => {$(
        impl $type {
            /// Every word, in order.
            pub(super) const WORDS: &[&str] = &[$($word,)*];

            /// The word for it in a file.
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $word,)* }
            }

            pub(super) fn of_word(word: &str) -> Option<$type> {
                match word {
                    $($word => Some($type::$variant),)*
                    _ => None, // every other text
                }
            }
        }
    )*};
}

words! {
    Contract { Fail "fail" Report "report" }
    Throttled { Count "count" Error "error" Retry "retry" }
    Connections { PerUser "per_user" Shared "shared" Fresh "fresh" }
    OnSaturation { Invalid "invalid" Warn "warn" Abort "abort" }
    Ci { Point "point" Bound "bound" }
    Shape { Linear "linear" Step "step" }
    Builtin { Short "short" Long "long" Unicode "unicode" }
}

/// Reads a key whose declared choices are such words, and which has a default.
pub(super) fn read<T>(section: &Section<'_, '_>, key: &str, of: fn(&str) -> Option<T>) -> T {
    of(&section.text_or_default(key)).expect("the declared choices are the words")
}
