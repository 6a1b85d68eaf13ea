//! ERROR: errors that programs understand and people do not, or the other way round.

use axum::http::header;
use serde_json::{Value, json};

use crate::contract::{ERROR_1, ERROR_2};
use crate::mock::bending::{Seam, always, error_json, head, media_type, rewords};
use crate::mock::deviation::{Deviation, flaw};
use crate::mock::guards::Guard;

pub(super) fn entries() -> Vec<Deviation> {
    vec![
        flaw(
            "error.key-shown-where-it-is-invalid",
            [ERROR_2],
            "The message of a 401 repeats the key.",
            [showing(Guard::Key)],
        ),
        flaw(
            "error.key-shown-where-there-is-no-bot",
            [ERROR_2],
            "The message of a 404 repeats the key.",
            [showing(Guard::Bot)],
        ),
        flaw(
            "error.typed-as-text",
            [ERROR_2],
            "Errors are text/plain by their Content-Type.",
            [typed(|status| status >= 400, "text/plain; charset=utf-8")],
        ),
        flaw(
            "error.large-bodies-told-in-html",
            [ERROR_2],
            "A 413 is text/html by its Content-Type.",
            [typed(|status| status == 413, "text/html")],
        ),
        flaw(
            "error.without-message",
            [ERROR_2],
            "Errors have no message.",
            [without_message(|_| true)],
        ),
        flaw(
            "error.bad-bodies-without-message",
            [ERROR_2],
            "A 400 has no message: nobody learns what is wrong in the body.",
            [without_message(|code| code == "invalid_request")],
        ),
        flaw(
            "error.keys-told-in-another-place",
            [ERROR_2],
            "The code of a 401 is the member error itself, that of all other errors stands in error.code.",
            [moved(
                |code| code.contains("api_key"),
                |code, message| json!({ "error": code, "message": message }),
            )],
        ),
        flaw(
            "error.limits-told-in-another-place",
            [ERROR_2],
            "The code of a 429 stands at the top, that of all other errors in error.code.",
            [moved(
                |code| code.contains("limit"),
                |code, message| json!({ "code": code, "message": message }),
            )],
        ),
        flaw(
            "error.code-in-an-odd-place",
            [ERROR_1],
            "The code of an error stands in reason.name.",
            [moved(
                |_| true,
                |code, message| json!({ "message": message, "reason": { "name": code } }),
            )],
        ),
    ]
}

fn showing(at: Guard) -> Seam {
    rewords(at, always, |asked, refusal| {
        if let Some(Ok(value)) = asked.headers.get(header::AUTHORIZATION).map(|v| v.to_str()) {
            let key = value.rsplit(' ').next().unwrap_or_default();
            refusal.message = format!("nothing is known of {key}").into();
        }
    })
}

fn typed(status: fn(u16) -> bool, media: &'static str) -> Seam {
    head(always, move |_, head| {
        if status(head.status.as_u16()) {
            media_type(head, media);
        }
    })
}

fn without_message(of_code: fn(&str) -> bool) -> Seam {
    error_json(always, move |_, value| {
        if let Some(error) = value.get_mut("error").and_then(Value::as_object_mut)
            && error
                .get("code")
                .and_then(Value::as_str)
                .is_some_and(of_code)
        {
            error.shift_remove("message");
        }
    })
}

/// Errors of some codes in another form.
fn moved(of_code: fn(&str) -> bool, form: fn(Value, Value) -> Value) -> Seam {
    error_json(always, move |_, value| {
        let code = value.pointer("/error/code").cloned().unwrap_or_default();
        if code.as_str().is_some_and(of_code) {
            let message = value.pointer("/error/message").cloned();
            let mut other = form(code, message.unwrap_or_default());
            if let Some(wait) = value.pointer("/error/retry_after") {
                other["retry_after"] = wait.clone();
            }
            *value = other;
        }
    })
}
