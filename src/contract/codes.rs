//! The error codes of the documentation's table.

use std::fmt;

macro_rules! codes {
    ($($variant:ident $status:literal $code:literal $meaning:literal;)*) => {
        /// A documented error: its code, the status it comes with, and its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl ErrorCode {
            /// All documented codes, in the table's order.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The code as it stands in an answer.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $code,)* }
            }

            /// The HTTP status that the table gives it.
            pub const fn status(self) -> u16 {
                match self { $(ErrorCode::$variant => $status,)* }
            }

            /// The documentation's words for it.
            pub const fn meaning(self) -> &'static str {
                match self { $(ErrorCode::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    MissingApiKey 401 "missing_api_key" "Missing or malformed Authorization header";
    InvalidApiKey 401 "invalid_api_key" "Invalid, revoked, or badly formatted API key";
    InvalidApiKeyFormat 401 "invalid_api_key_format" "Invalid, revoked, or badly formatted API key";
    ApiNotEnabled 403 "api_not_enabled" "API access is turned off for this agent";
    BotNotFound 404 "bot_not_found" "Bot not found or the key does not have access";
    InvalidRequest 400 "invalid_request" "Missing fields, empty messages array, or invalid roles";
    RequestTooLarge 413 "request_too_large" "Request body is larger than 100KB";
    RateLimited 429 "rate_limited" "User-level or agent-level rate/concurrency limits were hit";
    ConcurrentLimit 429 "concurrent_limit" "User-level or agent-level rate/concurrency limits were hit";
    BotRateLimited 429 "bot_rate_limited" "User-level or agent-level rate/concurrency limits were hit";
    BotOffline 503 "bot_offline" "The agent is unavailable or the container could not be reached";
    ContainerError 503 "container_error" "The agent is unavailable or the container could not be reached";
    Timeout 504 "timeout" "The upstream request timed out after about 130 seconds";
    InternalError 500 "internal_error" "Unexpected server-side error";
}

impl ErrorCode {
    /// The code that `text` names to the letter, if it is a documented one.
    pub fn parse(text: &str) -> Option<ErrorCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// The codes that the table's row of `status` lists; none for a status that it does not name.
    pub fn of_status(status: u16) -> Vec<ErrorCode> {
        Self::ALL
            .iter()
            .copied()
            .filter(|code| code.status() == status)
            .collect()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
