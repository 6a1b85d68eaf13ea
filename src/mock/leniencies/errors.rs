//! ERROR: where the code may stand, and what may stand beside it.

use serde_json::{Map, Value, json};

use crate::contract::{ERROR_1, ERROR_2, RequirementId};
use crate::mock::bending::{always, error_json};
use crate::mock::deviation::{Deviation, leniency};

pub(super) fn entries() -> Vec<Deviation> {
    let mut entries = vec![
        leniency(
            "error.without-type",
            [ERROR_1],
            "Errors have no error.type.",
            &["error.type"],
            [error_json(always, |_, value| {
                if let Some(error) = value.get_mut("error").and_then(Value::as_object_mut) {
                    error.shift_remove("type");
                }
            })],
        ),
        leniency(
            "error.with-more-members",
            [ERROR_1],
            "Errors have a request_id, a status, a link and a param besides.",
            &["error.more"],
            [error_json(always, |asked, value| {
                value["request_id"] = format!("req-{}", asked.serial).into();
                value["docs"] = "https://docs.example/errors".into();
                if let Some(error) = value.get_mut("error").and_then(Value::as_object_mut) {
                    error.insert("param".to_owned(), Value::Null);
                    error.insert("status".to_owned(), "error".into());
                }
            })],
        ),
        leniency(
            "error.message-of-another-language",
            [ERROR_2],
            "The messages of errors are in another language, with quotes and line ends.",
            &["error.message"],
            [error_json(always, |_, value| {
                if let Some(message) = value.pointer_mut("/error/message") {
                    *message = "Ошибка: «что-то»\n\"пошло\" не так 🦀".into();
                }
            })],
        ),
    ];
    for (id, about, says, shape) in [
        shape(
            "error.code-in-type",
            ERROR_1,
            "The code of an error stands in error.type, and error.code is null.",
            |code, message, mut more| {
                more.insert("type".to_owned(), code);
                more.insert("code".to_owned(), Value::Null);
                more.insert("message".to_owned(), message);
                json!({ "error": more })
            },
        ),
        shape(
            "error.code-is-the-error",
            ERROR_1,
            "The member error is the code itself, and its message stands beside it.",
            |code, message, mut more| {
                more.insert("error".to_owned(), code);
                more.insert("message".to_owned(), message);
                more.into()
            },
        ),
        shape(
            "error.code-at-the-top",
            ERROR_1,
            "Code and message of an error stand at the top.",
            |code, message, mut more| {
                more.insert("code".to_owned(), code);
                more.insert("message".to_owned(), message);
                more.into()
            },
        ),
        shape(
            "error.as-a-problem",
            ERROR_1,
            "Errors have the form of RFC 9457, with a code at the top.",
            |code, message, mut more| {
                more.insert("type".to_owned(), "about:blank".into());
                more.insert("title".to_owned(), message.clone());
                more.insert("detail".to_owned(), message);
                more.insert("status".to_owned(), 400.into());
                more.insert("code".to_owned(), code);
                more.into()
            },
        ),
        shape(
            "error.code-in-detail",
            ERROR_2,
            "Code and message of an error stand in an object named detail.",
            |code, message, mut more| {
                more.insert("code".to_owned(), code);
                more.insert("message".to_owned(), message);
                json!({ "detail": more })
            },
        ),
        shape(
            "error.code-in-a-list",
            ERROR_2,
            "Errors are a list of objects with a code each, as in JSON:API.",
            |code, message, mut more| {
                more.insert("code".to_owned(), code);
                more.insert("title".to_owned(), message.clone());
                json!({ "errors": [more], "message": message })
            },
        ),
    ] {
        entries.push(leniency(
            id,
            [about],
            says,
            &["error.place"],
            [error_json(always, move |_, value| {
                let Some(Value::Object(error)) = value.get_mut("error").map(Value::take) else {
                    return;
                };
                let (mut error, mut beside) = (error, value.take());
                let code = error.shift_remove("code").unwrap_or_default();
                let message = error.shift_remove("message").unwrap_or_default();
                error.shift_remove("type");
                *value = shape(code, message, error);
                // What stood beside the error object stays there.
                if let (Some(object), Some(beside)) =
                    (value.as_object_mut(), beside.as_object_mut())
                {
                    beside.shift_remove("error");
                    for (name, member) in std::mem::take(beside) {
                        object.entry(name).or_insert(member);
                    }
                }
            })],
        ));
    }
    entries
}

/// What makes an error of its code, its message and its other members.
type Shape = fn(Value, Value, Map<String, Value>) -> Value;

/// The table's rows have one type, closures or not.
fn shape(
    id: &'static str,
    about: RequirementId,
    says: &'static str,
    shape: Shape,
) -> (&'static str, RequirementId, &'static str, Shape) {
    (id, about, says, shape)
}
