//! The judge: (expectation, exchange) → checks.
//!
//! Every rule stands here once, and is used by conform, under load, by fuzz and by the client grader. Pure: no
//! async, no sockets, no files, and no idea of who asks.
//!
//! [`ambient`] has all that is to be said of an exchange that [`wire`](crate::wire) carried. What came another way, such
//! as recorded traffic, can be judged by its body:
//!
//! ```
//! use clawcheck::judge::{Place, json, rules};
//!
//! let body = br#"{"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": {}}"#;
//! let json = json::parse(body).expect("it is JSON");
//! let findings = rules::stream::chunk_findings(&json);
//!
//! assert_eq!(findings.len(), 1);
//! assert_eq!(findings[0].requirement.as_str(), "STREAM-3");
//! let mark = findings[0].mark.as_ref().expect("it can be pointed at");
//! assert_eq!(mark.place, Place::Body);
//! assert_eq!(&body[mark.range.clone()], b"{}");
//! ```

mod across;
mod ambient;
pub mod answer;
pub mod certain;
mod check;
mod expect;
pub mod json;
pub mod rules;
pub mod schema;

pub use across::Across;
pub use ambient::{AMBIENT, Ambient, Looked, ambient};
pub use answer::{Answer, Mode};
pub use check::{Check, Mark, Place, Verdict};
pub use expect::{Expectation, Legal, NO_CODE};
