//! What the built-in mock can be told to do wrong.

use crate::contract::ErrorCode;
use crate::profile::nearest;
use std::fmt;

macro_rules! faults {
    ($($variant:ident $name:literal $says:literal;)*) => {
        /// A way in which the mock breaks an answer. What only a stream can do leaves JSON answers as they are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $(#[doc = $says] $variant,)*
            /// A documented error, in place of an answer.
            Code(ErrorCode),
            /// A status from 400 to 599, in place of an answer: with the first code that the documentation lists for
            /// it, or with none where it lists none.
            Status(u16),
        }

        impl Fault {
            /// Those that are called as the class of error they are found as.
            pub const CLASSES: &[Fault] = &[$(Fault::$variant,)*];

            fn class(self) -> Option<(&'static str, &'static str)> {
                match self {
                    $(Fault::$variant => Some(($name, $says)),)*
                    Fault::Code(_) | Fault::Status(_) => None,
                }
            }
        }
    };
}

faults! {
    Reset "reset" "The connection is reset before the first byte of an answer.";
    HeadersTimeout "headers_timeout" "No answer comes; the connection stays open.";
    IdleTimeout "idle_timeout" "After some chunks nothing more comes; the connection stays open.";
    TotalTimeout "total_timeout" "The stream goes on for ever.";
    Framing "framing" "The framing of the body is broken.";
    UndocumentedStatus "undocumented_status" "A status that the documentation does not name: 418.";
    UndocumentedCode "undocumented_code" "A documented status with a code that the documentation does not have.";
    BadReply "bad_reply" "A 200 without a body, or with one that is no JSON.";
    TruncatedStream "truncated_stream" "The stream ends, well framed, without `[DONE]`.";
    DataAfterDone "data_after_done" "A chunk comes after `[DONE]`.";
    DuplicateDone "duplicate_done" "`[DONE]` comes twice.";
    InBandError "in_band_error" "An error stands in place of a chunk.";
    BadEventJson "bad_event_json" "A chunk is no JSON.";
    BadUtf8 "bad_utf8" "A chunk is no UTF-8.";
    WrongContentType "wrong_content_type" "The answer is announced as another media type.";
    Schema "schema" "A member that the documentation shows is missing.";
    EmptyAnswer "empty_answer" "The stream has no chunk before `[DONE]`.";
    WrongAnswer "wrong_answer" "A chunk of another answer stands in the stream.";
    LateTimeout "late_timeout" "504 `timeout`, long after the documented time.";
}

impl Fault {
    /// The fault of that name: a class, a documented code, or `status_503`.
    pub fn parse(name: &str) -> Option<Fault> {
        let of_class = |fault: &Fault| fault.class().is_some_and(|(class, _)| class == name);
        if let Some(fault) = Self::CLASSES.iter().copied().find(of_class) {
            return Some(fault);
        }
        if let Some(code) = ErrorCode::parse(name) {
            return Some(Fault::Code(code));
        }
        let digits = name.strip_prefix("status_")?;
        let status = digits.parse().ok().filter(|_| digits.len() == 3)?;
        (400..600)
            .contains(&status)
            .then_some(Fault::Status(status))
    }

    /// What the mock does, in a sentence.
    pub fn says(self) -> String {
        match self {
            Fault::Code(code) => format!("A documented {} `{code}`.", code.status()),
            Fault::Status(status) => format!("The status {status}."),
            class => class.class().map_or("", |(_, says)| says).to_owned(),
        }
    }

    /// Every name that is not a status.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let classes = Self::CLASSES.iter().filter_map(|fault| fault.class());
        let codes = ErrorCode::ALL.iter().map(|code| code.as_str());
        classes.map(|(name, _)| name).chain(codes)
    }

    /// The name most like a mistyped one.
    pub(super) fn nearest(name: &str) -> Option<String> {
        // A status is told by its number, so another number is no mistyped name.
        if name.starts_with("status_") {
            return None;
        }
        nearest(name, Self::names()).map(str::to_owned)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Code(code) => f.pad(code.as_str()),
            Fault::Status(status) => write!(f, "status_{status}"),
            class => f.pad(class.class().map_or("", |(name, _)| name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_no_other() {
        for name in Fault::names().chain(["status_400", "status_599"]) {
            let fault = Fault::parse(name).expect(name);
            assert_eq!(fault.to_string(), name);
            assert!(!fault.says().is_empty(), "{name}");
        }
        for name in [
            "",
            "status_",
            "status_200",
            "status_0500",
            "status_+50",
            "dns",
        ] {
            assert_eq!(Fault::parse(name), None, "{name}");
        }
    }
}
