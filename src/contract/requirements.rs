//! Every clause of the contract as a row: id, level, basis, the documentation's sentences, what is required.

use std::fmt;

/// What a broken requirement means for a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// A deployment has to keep it: breaking it fails the run.
    Must,
    /// Reported as an advisory, never a failure.
    Should,
    /// The documentation leaves it open; the suite reports which legal answer it saw.
    Open,
}

impl Level {
    /// The level's name in reports: `must`, `should`, `open`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Must => "must",
            Level::Should => "should",
            Level::Open => "open",
        }
    }
}

/// What a requirement rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// A sentence of the documentation.
    Sentence,
    /// Something that the documentation's samples show.
    Literal,
    /// A standard's rule, without which the documented calls stop working.
    Standard,
    /// Common sense, or a standard's rule that good deployments are known to skip.
    Convention,
    /// Nothing: the documentation is silent.
    None,
}

impl Basis {
    /// The basis' name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Basis::Sentence => "sentence",
            Basis::Literal => "literal",
            Basis::Standard => "standard",
            Basis::Convention => "convention",
            Basis::None => "none",
        }
    }
}

/// A clause of the contract.
#[derive(Debug)]
pub struct Requirement {
    /// Its id.
    pub id: RequirementId,
    /// How binding it is.
    pub level: Level,
    /// What it rests on.
    pub basis: Basis,
    /// The documentation's own sentences behind it, to the letter; none where the documentation is silent.
    pub sentences: &'static [&'static str],
    /// The standard behind it, where there is one.
    pub standard: &'static str,
    /// What is required, in this project's words.
    pub text: &'static str,
}

/// The stable id of a requirement, such as `AUTH-1`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequirementId(u8);

impl RequirementId {
    /// All ids, in the contract's order.
    pub fn all() -> impl Iterator<Item = RequirementId> {
        REQUIREMENTS.iter().map(|row| row.id)
    }

    /// The row.
    pub fn get(self) -> &'static Requirement {
        &REQUIREMENTS[usize::from(self.0)]
    }

    /// The id's text.
    pub fn as_str(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// The requirement's level.
    pub fn level(self) -> Level {
        self.get().level
    }

    /// How results have it behind a case's id, where a finding is this requirement's and not the case's own: `auth-1`.
    pub fn suffix(self) -> String {
        self.as_str().to_ascii_lowercase()
    }

    /// The id of which that is the [`suffix`](Self::suffix).
    pub fn of_suffix(text: &str) -> Option<RequirementId> {
        Self::all().find(|id| id.suffix() == text)
    }

    /// The id that `text` names, in any case.
    ///
    /// # Errors
    /// The nearest known id, where `text` names none.
    pub fn parse(text: &str) -> Result<RequirementId, UnknownRequirement> {
        let upper = text.to_ascii_uppercase();
        Self::all()
            .find(|id| id.as_str() == upper)
            .ok_or_else(|| UnknownRequirement {
                given: text.to_owned(),
                nearest: Self::all()
                    .max_by(|a, b| {
                        strsim::jaro_winkler(a.as_str(), &upper)
                            .total_cmp(&strsim::jaro_winkler(b.as_str(), &upper))
                    })
                    .map_or("", RequirementId::as_str),
            })
    }
}

impl fmt::Display for RequirementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RequirementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRequirement {
    /// What was given.
    pub given: String,
    /// The known id that is most like it.
    pub nearest: &'static str,
}

impl fmt::Display for UnknownRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown requirement `{}`", self.given)
    }
}

impl std::error::Error for UnknownRequirement {}

macro_rules! requirements {
    ($($konst:ident $name:literal $level:ident $basis:ident [$($sentence:expr),* $(,)?] $standard:literal $text:literal;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $($konst,)* }
        $(
            // As code: a text such as `[DONE]` would be a link otherwise.
            #[doc = concat!("`", $name, "`: `` ", $text, " ``")]
            pub const $konst: RequirementId = RequirementId(Index::$konst as u8);
        )*
        const NAMES: &[&str] = &[$($name,)*];
        /// Every requirement, in the contract's order.
        pub const REQUIREMENTS: &[Requirement] = &[
            $(Requirement {
                id: $konst,
                level: Level::$level,
                basis: Basis::$basis,
                sentences: &[$($sentence,)*],
                standard: $standard,
                text: $text,
            },)*
        ];
    };
}

const HEADER: &str = "Authorization: Bearer clawbite_sk_...";
const SEND_KEY: &str = "Turn on API access in the dashboard, then create an API key and send it in the Authorization header.";
const MISSING: &str = "Missing or malformed auth headers return 401.";
const REVOKED: &str = "Revoked or invalid keys also return 401.";
const PER_AGENT: &str = "API access is controlled per agent.";
const ROW_MISSING_KEY: &str = "401missing_api_keyMissing or malformed Authorization header";
const ROW_INVALID_KEY: &str =
    "401invalid_api_key / invalid_api_key_formatInvalid, revoked, or badly formatted API key";
const ROW_NOT_ENABLED: &str = "403api_not_enabledAPI access is turned off for this agent";
const ROW_NOT_FOUND: &str = "404bot_not_foundBot not found or the key does not have access";
const ROW_INVALID: &str =
    "400invalid_requestMissing fields, empty messages array, or invalid roles";
const ROW_TOO_LARGE: &str = "413request_too_largeRequest body is larger than 100KB";
const ROW_LIMITED: &str = "429rate_limited / concurrent_limit / bot_rate_limitedUser-level or agent-level rate/concurrency limits were hit";
const ROW_OFFLINE: &str = "503bot_offline / container_errorThe agent is unavailable or the container could not be reached";
const ROW_TIMEOUT: &str = "504timeoutThe upstream request timed out after about 130 seconds";
const ROW_INTERNAL: &str = "500internal_errorUnexpected server-side error";
const ENDPOINT: &str = "POST https://clawbite.com/api/v1/bot/{botId}/chat";
const USES_BOT_ID: &str = "The API uses your agent's botId.";
const PREFLIGHT: &str = "The endpoint accepts CORS preflight requests and supports both standard JSON and SSE streaming responses.";
const MESSAGES: &str = "messages — Required. Must be a non-empty array of message objects.";
const ROLE: &str = "role — Must be one of user, assistant, or system.";
const CONTENT: &str = "content — Required string content for each message.";
const STREAM: &str =
    "stream — Optional. Set to true for Server-Sent Events streaming. Defaults to false.";
const MODEL: &str = "model — Optional. Overrides the agent's current model for this request.";
const USER: &str = "user — Optional passthrough identifier you can attach to the request.";
const LIMIT: &str = "The request body is limited to 100KB.";
const INVALID: &str = "Invalid or empty messages arrays return 400 invalid_request.";
const SHAPE: &str = "Non-streaming responses use an OpenAI-style chat completions shape.";
const STREAMS: &str = "With stream: true, the endpoint returns text/event-stream.";
const THEN_DONE: &str = "Each chunk contains a delta, followed by [DONE].";
const RETRY_AFTER: &str =
    "Some 429 responses may also include retry_after when the route can tell you how long to wait.";
const TABLE_HEAD: &str = "StatusCodeMeaning";
const REQUEST_SAMPLE: &str = "{\n  \"messages\": [\n    { \"role\": \"user\", \"content\": \"Hello, what can you do?\" }\n  ],\n  \"stream\": false,\n  \"model\": \"anthropic/claude-sonnet-4-6\",\n  \"user\": \"customer-123\"\n}";
const REPLY_ID: &str = "\"id\": \"chatcmpl-...\"";
const REPLY_OBJECT_LINE: &str = "\"object\": \"chat.completion\"";
const REPLY_CHOICES: &str = "\"choices\": [\n    {\n      \"index\": 0,\n      \"message\": {\n        \"role\": \"assistant\",\n        \"content\": \"I can help you with...\"\n      },\n      \"finish_reason\": \"stop\"\n    }\n  ]";
const REPLY_USAGE: &str = "\"usage\": {\n    \"prompt_tokens\": 12,\n    \"completion_tokens\": 48,\n    \"total_tokens\": 60\n  }";
const CHUNK_1: &str = "data: {\"id\":\"chatcmpl-...\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"I \"}}]}";
const CHUNK_2: &str = "data: {\"id\":\"chatcmpl-...\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"can \"}}]}";
const CHUNK_3: &str = "data: {\"id\":\"chatcmpl-...\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"help\"}}]}";
const DONE_LINE: &str = "data: [DONE]";
const USE_API: &str =
    "Use the Clawbite chat API to send messages to a specific agent over REST or streaming.";
const CURL: &str = "curl -X POST https://clawbite.com/api/v1/bot/YOUR_BOT_ID/chat \\\n  -H \"Authorization: Bearer clawbite_sk_...\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{\n    \"messages\": [\n      {\"role\": \"user\", \"content\": \"Hello!\"}\n    ],\n    \"stream\": false\n  }'";
const JS_CALL: &str = "const res = await fetch(\"https://clawbite.com/api/v1/bot/YOUR_BOT_ID/chat\", {\n  method: \"POST\",\n  headers: {\n    \"Authorization\": \"Bearer clawbite_sk_...\",\n    \"Content-Type\": \"application/json\"\n  },\n  body: JSON.stringify({\n    messages: [{ role: \"user\", content: \"Hello!\" }],\n    stream: true\n  })\n});";
const JS_LOOP: &str = "const reader = res.body?.getReader();\nconst decoder = new TextDecoder();\n\nwhile (reader) {\n  const { done, value } = await reader.read();\n  if (done) break;\n  console.log(decoder.decode(value));\n}";

requirements! {
    AUTH_1 "AUTH-1" Must Sentence [MISSING, ROW_MISSING_KEY, SEND_KEY] ""
        "Without an Authorization header the answer is 401 missing_api_key.";
    AUTH_2 "AUTH-2" Must Sentence [MISSING, ROW_MISSING_KEY] ""
        "A malformed header (another scheme, or a key without Bearer) is answered 401 missing_api_key; Bearer without a key, an empty value or a key with a space in it 401 with any of the three codes.";
    AUTH_3 "AUTH-3" Must Sentence [REVOKED, ROW_INVALID_KEY] ""
        "A well-formed key that does not exist is answered 401 invalid_api_key or invalid_api_key_format.";
    AUTH_4 "AUTH-4" Must Sentence [REVOKED, ROW_INVALID_KEY] ""
        "A revoked key is answered 401 invalid_api_key or invalid_api_key_format.";
    AUTH_5 "AUTH-5" Must Sentence [ROW_INVALID_KEY, HEADER] ""
        "A badly formatted key is answered 401 invalid_api_key_format (should) or invalid_api_key; control or non-ASCII bytes and very long keys are open.";
    AUTH_6 "AUTH-6" Must Sentence [REVOKED, ROW_INVALID_KEY] ""
        "The key is compared whole and exactly: cut short, extended or in another case it is invalid.";
    AUTH_7 "AUTH-7" Must Sentence [PER_AGENT, ROW_NOT_ENABLED] ""
        "Where API access is turned off for an agent that the key may use, the answer is 403 api_not_enabled.";
    AUTH_8 "AUTH-8" Must Sentence [MISSING, REVOKED, ROW_NOT_ENABLED] ""
        "Authentication holds for stream: true too: an HTTP status and a JSON body, never a 200 stream.";
    AUTH_9 "AUTH-9" Open Standard [] "RFC 9110 §11.1, §11.4, §5.3"
        "The scheme's case (should be accepted in any), more than one space after it, and two Authorization fields are left open.";
    AUTH_10 "AUTH-10" Must Standard [HEADER] "RFC 9110 §5.1, §5.5"
        "Names of header fields are case-insensitive, white space around a value does not count, and up to 40 ordinary fields of 4 KB in all change nothing, in any order.";
    AUTH_11 "AUTH-11" Should Convention [] "RFC 9110 §15.5.2"
        "A 401 carries WWW-Authenticate; a key in the query string alone does not open the door.";

    ROUTE_1 "ROUTE-1" Must Sentence [ENDPOINT, USES_BOT_ID, USE_API] ""
        "POST /api/v1/bot/{botId}/chat with a valid key, bot and body is answered 200, without a redirect.";
    ROUTE_2 "ROUTE-2" Must Sentence [ROW_NOT_FOUND] ""
        "A bot that does not exist is answered 404 bot_not_found.";
    ROUTE_3 "ROUTE-3" Must Sentence [ROW_NOT_FOUND] ""
        "A bot that the key has no access to is answered 404 bot_not_found, and should not be distinguishable from one that does not exist.";
    ROUTE_4 "ROUTE-4" Should Convention [ENDPOINT] "RFC 9110 §15.5.6"
        "Another method than POST and OPTIONS does not run the agent.";
    ROUTE_5 "ROUTE-5" Open None [] ""
        "A trailing slash, a query string, the path's case and a percent-encoded id are left open.";

    ORDER_1 "ORDER-1" Open None [] ""
        "A request that breaks several rules at once gets any documented answer that fits one of them.";
    ORDER_2 "ORDER-2" Should Convention [] ""
        "Without a valid key the answer does not tell whether a bot exists.";

    CORS_1 "CORS-1" Must Sentence [PREFLIGHT] "Fetch, CORS-preflight fetch"
        "A preflight without a key gets a 2xx and no redirect.";
    CORS_2 "CORS-2" Must Standard [PREFLIGHT] "Fetch, CORS-preflight fetch"
        "The preflight's answer allows the origin (exactly one value) and the headers authorization and content-type.";
    CORS_3 "CORS-3" Must Standard [PREFLIGHT] "Fetch, CORS check"
        "The answer to the POST itself, JSON or stream, allows the origin; error answers should.";
    CORS_4 "CORS-4" Should Convention [] "Fetch, CORS protocol"
        "An echoed origin comes with Vary: Origin, no Access-Control-Allow-Credentials: true stands beside *, and Retry-After, where sent, is exposed.";

    BODY_1 "BODY-1" Must Sentence [MESSAGES, INVALID, ROW_INVALID] ""
        "messages missing, null, not an array or empty is answered 400 invalid_request.";
    BODY_2 "BODY-2" Must Sentence [MESSAGES, INVALID] ""
        "An element of messages that is no object is answered 400 invalid_request.";
    BODY_3 "BODY-3" Must Sentence [ROLE, ROW_INVALID] ""
        "A role that is missing or not exactly user, assistant or system is answered 400 invalid_request.";
    BODY_4 "BODY-4" Must Sentence [CONTENT, ROW_INVALID] ""
        "A content that is missing or no string is answered 400 invalid_request.";
    BODY_5 "BODY-5" Must Sentence [MESSAGES, ROLE, CONTENT] ""
        "Every message is checked, not only the first or the last.";
    BODY_6 "BODY-6" Must Sentence [ROW_INVALID, INVALID] "RFC 8259"
        "A body that is no JSON object is answered 400 invalid_request; what a lenient parser may take is open.";
    BODY_7 "BODY-7" Must Sentence [ROLE, CONTENT, REQUEST_SAMPLE] "RFC 8259 §2, §7, §8.3"
        "All three roles are accepted in an ordinary conversation, with any printable text, any JSON escape, any insignificant white space and any order of members.";
    BODY_8 "BODY-8" Must Sentence [STREAM, STREAMS, REQUEST_SAMPLE] ""
        "stream decides: absent or false gives a JSON answer, true a stream, whatever Accept says.";
    BODY_9 "BODY-9" Must Sentence [MODEL, USER, REQUEST_SAMPLE] ""
        "model may be given, and user may be given.";
    BODY_10 "BODY-10" Must Sentence [INVALID, ROW_INVALID] ""
        "The checks of messages hold with stream: true too: 400 and JSON.";
    BODY_11 "BODY-11" Open None [] ""
        "What the documentation says nothing of in a request body is left open; a 5xx or a broken-off connection is advised against.";

    SIZE_1 "SIZE-1" Must Sentence [LIMIT, ROW_TOO_LARGE] ""
        "A body over 100 KB is answered 413 request_too_large: up to 100,000 bytes pass, from 102,401 on they are refused.";
    SIZE_2 "SIZE-2" Must Sentence [LIMIT] "RFC 9112 §6.3"
        "The limit counts bytes of the body, whatever the characters, announced or chunked.";
    SIZE_3 "SIZE-3" Must Sentence [ROW_TOO_LARGE] "RFC 9112 §9.6"
        "The refusal arrives as an HTTP answer that a client can read, and the connection is then closed or in step.";
    SIZE_4 "SIZE-4" Should Convention [] "RFC 9110 §10.1.1"
        "With Expect: 100-continue a 100 or a final answer comes without waiting for the body; the 413 at once where Content-Length is over the limit.";

    REPLY_1 "REPLY-1" Must Sentence [SHAPE, PREFLIGHT] "RFC 8259 §8.1"
        "A JSON answer is 200 with a JSON media type and one JSON object in UTF-8 without a BOM.";
    REPLY_2 "REPLY-2" Must Literal [REPLY_ID] ""
        "id is a string that begins chatcmpl- and goes on; it should be unique.";
    REPLY_3 "REPLY-3" Must Literal [REPLY_OBJECT_LINE] ""
        "object is chat.completion.";
    REPLY_4 "REPLY-4" Must Literal [REPLY_CHOICES] ""
        "choices is a non-empty array with index, message.role assistant, a string as message.content and as finish_reason.";
    REPLY_5 "REPLY-5" Must Literal [REPLY_USAGE] ""
        "usage has prompt_tokens, completion_tokens and total_tokens, integers of 0 or more; the last should be the sum.";
    REPLY_6 "REPLY-6" Open None [] ""
        "More fields, an empty content, more choices, duplicate members, lone surrogates and deep nesting are left open.";

    STREAM_1 "STREAM-1" Must Sentence [STREAMS] ""
        "A stream is 200 with Content-Type: text/event-stream.";
    STREAM_2 "STREAM-2" Must Standard [CHUNK_1, CHUNK_2, CHUNK_3, DONE_LINE] "WHATWG HTML §9.2.5, §9.2.6"
        "Parsed by the standard, the data of every event is a JSON chunk or [DONE].";
    STREAM_3 "STREAM-3" Must Literal [CHUNK_1, THEN_DONE] ""
        "A chunk has id, object, choices, index and delta as documented; content, where given, is a string or null.";
    STREAM_4 "STREAM-4" Must Sentence [THEN_DONE, DONE_LINE] ""
        "At least one chunk with a delta, then [DONE], exactly once and last, dispatched; then the answer ends.";
    STREAM_5 "STREAM-5" Must Standard [STREAMS] "WHATWG HTML §9.2.5"
        "A stream's bytes are valid UTF-8 as a whole.";
    STREAM_6 "STREAM-6" Should Convention [] ""
        "Chunks arrive as they are made, Cache-Control forbids storing, and at least one chunk has content.";
    STREAM_7 "STREAM-7" Open None [] ""
        "Role-only and empty deltas, comments, id and retry fields, more fields, usage-only chunks and named events are left open.";
    STREAM_8 "STREAM-8" Must Sentence [THEN_DONE] ""
        "A stream does not break off: no error in place of a chunk, no cut connection, no end without [DONE].";
    STREAM_9 "STREAM-9" Must Sentence [USE_API, THEN_DONE] ""
        "Answers do not mix: no stream carries a chunk of another answer.";

    LIMIT_1 "LIMIT-1" Must Sentence [ROW_LIMITED] ""
        "Over a limit the answer is 429 rate_limited, concurrent_limit or bot_rate_limited.";
    LIMIT_2 "LIMIT-2" Must Sentence [RETRY_AFTER] "RFC 9110 §10.2.3"
        "retry_after, where given, can be read as a wait in seconds; it should agree with Retry-After and be honest.";
    LIMIT_3 "LIMIT-3" Must Sentence [ROW_LIMITED] ""
        "A place taken by a stream is free again when the stream ends, and should be soon after its client goes away.";
    LIMIT_4 "LIMIT-4" Open None [ROW_LIMITED] ""
        "A 429 may meet any request.";
    LIMIT_5 "LIMIT-5" Must Sentence [ROW_LIMITED] ""
        "A refusal is an HTTP answer with JSON for stream: true too, and the streams already running go on undisturbed.";

    FAULT_1 "FAULT-1" Must Sentence [ROW_OFFLINE] ""
        "An agent that is offline is answered 503 bot_offline, a container that can't be reached 503 container_error.";
    FAULT_2 "FAULT-2" Must Sentence [ROW_TIMEOUT] ""
        "An upstream time-out is answered 504 timeout after about 130 seconds.";
    FAULT_3 "FAULT-3" Must Sentence [ROW_INTERNAL] ""
        "An unexpected error is answered 500 internal_error, and should show no stack trace, path or key.";
    FAULT_4 "FAULT-4" Must Sentence [ROW_OFFLINE, ROW_INTERNAL, ROW_TIMEOUT] ""
        "Faults known before the first byte are a status with stream: true too, never a 200 with an error event.";

    ERROR_1 "ERROR-1" Must Sentence [TABLE_HEAD] ""
        "A documented error names its code in a JSON body, as a string equal to it.";
    ERROR_2 "ERROR-2" Should Convention [] ""
        "An error's Content-Type is JSON, it has a message for people, its code stands in one place, and the key nowhere in it.";

    WIRE_1 "WIRE-1" Must Standard [] "RFC 9112 §6, §7; RFC 9110 §9.3.2, §15.3.5"
        "Answers are complete and framed as HTTP says.";
    WIRE_2 "WIRE-2" Must Standard [] "RFC 9112 §9.3"
        "A connection kept alive stays in step: each answer belongs to its request, also after an error.";
    WIRE_3 "WIRE-3" Should Convention [] ""
        "After any bad request the next good one passes.";
    WIRE_4 "WIRE-4" Must Standard [] "RFC 9112 §2.2, §9.6"
        "A request that arrives in pieces is the same request; Connection: close should be honoured.";
    WIRE_5 "WIRE-5" Open Standard [] "RFC 9113"
        "HTTP/2 or HTTP/1.1: the same contract.";
    WIRE_6 "WIRE-6" Should Convention [] "RFC 9110 §12.5.3"
        "The body is sent as asked by Accept-Encoding: identity.";

    EXAMPLE_1 "EXAMPLE-1" Must Sentence [CURL] ""
        "The documented curl call works as it stands.";
    EXAMPLE_2 "EXAMPLE-2" Must Sentence [JS_CALL, JS_LOOP] ""
        "The documented streaming JavaScript works as it stands, in Node and in a browser page of another origin.";
}
