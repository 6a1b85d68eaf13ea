//! FAULT: what a server says when its agent can't answer.

use serde_json::json;

use crate::contract::{
    DONE, ERROR_1, ErrorCode, FAULT_1, FAULT_2, FAULT_3, FAULT_4, STREAM_4, STREAM_8, WIRE_1,
    timeout,
};
use crate::mock::bending::{
    HTML, Piece, Seam, When, always, answers_of, apologises, error_of, head, page, raw, rewords,
    send, stream_pieces, streamed, swaps,
};
use crate::mock::deviation::{Deviation, violation};
use crate::mock::fixtures::Fixtures;
use crate::mock::guards::{Guard, Refusal};
use crate::mock::socket::Outgoing;
use crate::mock::stream::Event;

pub(super) fn entries(fixtures: &Fixtures) -> Vec<Deviation> {
    let mut all = unavailable(fixtures);
    all.extend(timed_out(fixtures));
    all.extend(internal(fixtures));
    all.extend(streams(fixtures));
    all
}

/// Answers that agent's errors with a status and a code of another kind.
fn other(bot: &str, status: u16, code: &'static str) -> Seam {
    rewords(Guard::Agent, When::bot(bot), move |_, refusal| {
        refusal.status = status;
        refusal.code = code.into();
    })
}

/// FAULT-1: an agent that is offline, a container that can't be reached.
fn unavailable(fixtures: &Fixtures) -> Vec<Deviation> {
    let offline = &fixtures.bots.offline;
    let unreachable = &fixtures.bots.unreachable;
    vec![
        violation(
            "fault.offline-internal-error",
            [FAULT_1, FAULT_4],
            "An agent that is offline is answered for with 500 internal_error.",
            [swaps(
                Guard::Agent,
                When::bot(offline),
                ErrorCode::InternalError,
            )],
        ),
        violation(
            "fault.offline-bad-request",
            [FAULT_1],
            "An agent that is offline is answered for with 400 invalid_request.",
            [swaps(
                Guard::Agent,
                When::bot(offline).and(When::json()),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "fault.offline-access-off",
            [FAULT_1, FAULT_4],
            "An agent that is offline is answered for with 403 api_not_enabled.",
            [swaps(
                Guard::Agent,
                When::bot(offline),
                ErrorCode::ApiNotEnabled,
            )],
        ),
        violation(
            "fault.offline-apology",
            [FAULT_1],
            "An agent that is offline is answered for with 200 and a friendly sentence that says so.",
            apologises(
                &[ErrorCode::BotOffline],
                When::json(),
                "I am offline at the moment, please come back later.",
            ),
        ),
        violation(
            "fault.unreachable-bad-gateway",
            [FAULT_1, FAULT_4],
            "A container that can't be reached gives 502, with the code container_error.",
            [other(unreachable, 502, ErrorCode::ContainerError.as_str())],
        ),
        violation(
            "fault.unreachable-timeout",
            [FAULT_1],
            "A container that can't be reached gives 504 timeout, at once.",
            [swaps(
                Guard::Agent,
                When::bot(unreachable).and(When::json()),
                ErrorCode::Timeout,
            )],
        ),
        violation(
            "fault.unreachable-connection-closed",
            [FAULT_1, FAULT_4],
            "Where the container can't be reached the connection is closed without an answer.",
            [answers_of(503, When::bot(unreachable), |_, _| {
                vec![Outgoing::Close]
            })],
        ),
        violation(
            "fault.offline-connection-reset",
            [FAULT_1],
            "Where the agent is offline a JSON request gets no answer but a reset.",
            [answers_of(
                503,
                When::bot(offline).and(When::json()),
                |_, _| vec![Outgoing::Reset],
            )],
        ),
        violation(
            "fault.offline-code-of-its-own",
            [FAULT_1, FAULT_4, ERROR_1],
            "An agent that is offline gives 503 with the code service_unavailable.",
            [other(offline, 503, "service_unavailable")],
        ),
        violation(
            "fault.unreachable-code-of-another-row",
            [FAULT_1, FAULT_4, ERROR_1],
            "A container that can't be reached gives 503 with the code timeout.",
            [other(unreachable, 503, ErrorCode::Timeout.as_str())],
        ),
        violation(
            "fault.offline-without-code",
            [FAULT_1, FAULT_4, ERROR_1],
            "The 503 of an agent that is offline has a message and no code.",
            [error_of(ErrorCode::BotOffline, always, |body| {
                *body = json!({ "message": "The agent is offline." });
            })],
        ),
        violation(
            "fault.offline-code-null",
            [FAULT_1, ERROR_1],
            "The 503 of an agent that is offline has null as its code where stream is not true.",
            [error_of(ErrorCode::BotOffline, When::json(), |body| {
                body["error"]["code"] = serde_json::Value::Null;
            })],
        ),
        violation(
            "fault.unreachable-a-page",
            [FAULT_1, FAULT_4, ERROR_1],
            "The 503 of a container that can't be reached is the HTML page of a proxy.",
            page(
                ErrorCode::ContainerError,
                When::bot(unreachable),
                "text/html",
                |_| HTML.to_owned(),
            ),
        ),
        violation(
            "fault.unreachable-plain-text",
            [FAULT_1, FAULT_4, ERROR_1],
            "The 503 of a container that can't be reached is a gateway's line of plain text.",
            page(
                ErrorCode::ContainerError,
                When::bot(unreachable),
                "text/plain",
                |_| "upstream connect error or disconnect/reset before headers".to_owned(),
            ),
        ),
        violation(
            "fault.offline-empty",
            [FAULT_1, FAULT_4, ERROR_1],
            "The 503 of an agent that is offline has an empty body.",
            page(
                ErrorCode::BotOffline,
                When::bot(offline),
                "application/json",
                |_| String::new(),
            ),
        ),
    ]
}

/// Answers the time-out after so many seconds of the mock's clock.
fn after(seconds: f64, when: impl Into<When>) -> Seam {
    let factor = seconds / timeout::DOCUMENTED_S;
    rewords(Guard::Agent, when, move |_, refusal| {
        refusal.after = refusal.after.mul_f64(factor);
    })
}

/// FAULT-2: the time-out.
fn timed_out(fixtures: &Fixtures) -> Vec<Deviation> {
    let slow = || When::bot(&fixtures.bots.slow);
    vec![
        violation(
            "fault.timeout-at-once",
            [FAULT_2, FAULT_4],
            "The 504 comes at once, without any wait for the agent.",
            [after(0.0, slow())],
        ),
        violation(
            "fault.timeout-after-a-second",
            [FAULT_2],
            "The 504 comes after a second where stream is not true, and after 130 where it is.",
            [after(1.0, slow().and(When::json()))],
        ),
        violation(
            "fault.timeout-of-streams-after-five-seconds",
            [FAULT_2],
            "With stream true the 504 comes after five seconds, otherwise after 130.",
            [after(5.0, slow().and(When::stream()))],
        ),
        violation(
            "fault.timeout-after-ten-minutes",
            [FAULT_2],
            "The 504 comes after ten minutes.",
            [after(600.0, slow())],
        )
        .slow(),
        violation(
            "fault.timeout-internal-error",
            [FAULT_2],
            "At the time-out comes 500 internal_error where stream is not true.",
            [swaps(
                Guard::Agent,
                slow().and(When::json()),
                ErrorCode::InternalError,
            )],
        )
        .slow(),
        violation(
            "fault.timeout-request-timeout",
            [FAULT_2, FAULT_4],
            "At the time-out comes 408, with the code timeout.",
            [other(&fixtures.bots.slow, 408, ErrorCode::Timeout.as_str())],
        ),
        violation(
            "fault.timeout-bad-gateway",
            [FAULT_2, FAULT_4],
            "At the time-out comes 502, with the code timeout.",
            [other(&fixtures.bots.slow, 502, ErrorCode::Timeout.as_str())],
        ),
        violation(
            "fault.timeout-connection-closed",
            [FAULT_2],
            "At the time-out a JSON request gets no answer: the connection is closed.",
            [answers_of(504, slow().and(When::json()), |_, _| {
                vec![Outgoing::Close]
            })],
        )
        .slow(),
        violation(
            "fault.timeout-apology",
            [FAULT_2],
            "At the time-out comes 200 and a sentence that says so, where stream is not true.",
            apologises(
                &[ErrorCode::Timeout],
                slow().and(When::json()),
                "Sorry, that took too long.",
            ),
        ),
        violation(
            "fault.timeout-code-of-its-own",
            [FAULT_2, FAULT_4, ERROR_1],
            "The 504 has the code gateway_timeout.",
            [other(&fixtures.bots.slow, 504, "gateway_timeout")],
        ),
        violation(
            "fault.timeout-a-page",
            [FAULT_2, FAULT_4, ERROR_1],
            "The 504 is the HTML page of a proxy.",
            page(ErrorCode::Timeout, slow(), "text/html", |_| HTML.to_owned()),
        ),
    ]
}

/// FAULT-3: unexpected errors.
fn internal(fixtures: &Fixtures) -> Vec<Deviation> {
    let faulty = &fixtures.bots.faulty;
    vec![
        violation(
            "fault.internal-bad-gateway",
            [FAULT_3, FAULT_4],
            "An unexpected error gives 502, with the code internal_error.",
            [other(faulty, 502, ErrorCode::InternalError.as_str())],
        ),
        violation(
            "fault.internal-unavailable",
            [FAULT_3],
            "An unexpected error gives 503 container_error where stream is not true.",
            [swaps(
                Guard::Agent,
                When::bot(faulty).and(When::json()),
                ErrorCode::ContainerError,
            )],
        ),
        violation(
            "fault.internal-bad-request",
            [FAULT_3, FAULT_4],
            "An unexpected error is blamed on the client: 400 invalid_request.",
            [swaps(
                Guard::Agent,
                When::bot(faulty),
                ErrorCode::InvalidRequest,
            )],
        ),
        violation(
            "fault.internal-a-page",
            [FAULT_3, FAULT_4, ERROR_1],
            "The 500 of an unexpected error is an HTML page.",
            page(
                ErrorCode::InternalError,
                When::bot(faulty),
                "text/html",
                |_| HTML.to_owned(),
            ),
        ),
        violation(
            "fault.internal-plain-text",
            [FAULT_3, ERROR_1],
            "The 500 of an unexpected error is the text Internal Server Error where stream is not true.",
            page(
                ErrorCode::InternalError,
                When::bot(faulty).and(When::json()),
                "text/plain",
                |_| "Internal Server Error".to_owned(),
            ),
        ),
        violation(
            "fault.internal-code-of-its-own",
            [FAULT_3, FAULT_4, ERROR_1],
            "An unexpected error gives 500 with the code server_error.",
            [other(faulty, 500, "server_error")],
        ),
        violation(
            "fault.internal-code-in-prose",
            [FAULT_3, FAULT_4, ERROR_1],
            "The 500 of an unexpected error names internal_error only inside its message.",
            [error_of(ErrorCode::InternalError, always, |body| {
                *body = json!({ "error": "Something failed (internal_error), please try again." });
            })],
        ),
        violation(
            "fault.internal-capitals",
            [FAULT_3, FAULT_4, ERROR_1],
            "The code of an unexpected error is written INTERNAL_ERROR.",
            [other(faulty, 500, "INTERNAL_ERROR")],
        ),
        violation(
            "fault.internal-ok",
            [FAULT_3],
            "An unexpected error is a 200 whose JSON body holds the error.",
            [head(When::bot(faulty).and(When::json()), |_, head| {
                head.status = axum::http::StatusCode::OK;
            })],
        ),
        violation(
            "fault.internal-connection-closed",
            [FAULT_3, FAULT_4],
            "At an unexpected error the connection is closed without an answer.",
            [answers_of(500, When::bot(faulty), |_, _| {
                vec![Outgoing::Close]
            })],
        ),
    ]
}

/// FAULT-4: the same for streams.
fn streams(fixtures: &Fixtures) -> Vec<Deviation> {
    let event = |code: &str| {
        Event::Data(json!({ "error": { "message": "no answer", "code": code } }).to_string())
    };
    let done = || Event::Data(DONE.to_owned());
    let told = move |refusal: &Refusal| event(&refusal.code);
    vec![
        violation(
            "fault.offline-in-a-stream",
            [FAULT_4],
            "With stream true an agent that is offline is told of in a 200 stream: the error and [DONE].",
            streamed(&[ErrorCode::BotOffline], always, move |refusal| {
                vec![told(refusal), done()]
            }),
        ),
        violation(
            "fault.unreachable-in-a-stream",
            [FAULT_4],
            "With stream true a container that can't be reached is told of in a 200 stream that ends behind the error, without [DONE].",
            streamed(&[ErrorCode::ContainerError], always, move |refusal| {
                vec![told(refusal)]
            }),
        ),
        violation(
            "fault.internal-in-a-named-event",
            [FAULT_4],
            "With stream true an unexpected error is an event named error in a 200 stream.",
            streamed(&[ErrorCode::InternalError], always, |refusal| {
                vec![raw(format!(
                    "event: error\ndata: {{\"error\":{{\"message\":\"no answer\",\"code\":\"{}\"}}}}\n\n",
                    refusal.code
                ))]
            }),
        ),
        violation(
            "fault.offline-an-empty-stream",
            [FAULT_4],
            "With stream true an agent that is offline gives a 200 stream of [DONE] alone.",
            streamed(&[ErrorCode::BotOffline], always, |_| {
                vec![Event::Data(DONE.to_owned())]
            }),
        ),
        violation(
            "fault.internal-apology-streamed",
            [FAULT_4],
            "With stream true an unexpected error gives an ordinary stream in which the agent says that it is sorry.",
            apologises(
                &[ErrorCode::InternalError],
                When::stream(),
                "Sorry, something went wrong on our side.",
            ),
        ),
        violation(
            "fault.unreachable-stream-cut",
            [FAULT_4, WIRE_1],
            "With stream true a container that can't be reached gives the head of a stream, and then the connection is cut.",
            {
                let [decided, paced, told] = streamed(&[ErrorCode::ContainerError], always, |_| {
                    vec![raw(": connecting\n\n")]
                });
                let cut =
                    stream_pieces(When::bot(&fixtures.bots.unreachable), |_, piece, bytes| {
                        match piece {
                            Piece::Head | Piece::Chunk(_) => vec![send(bytes)],
                            Piece::Last => vec![Outgoing::Close],
                        }
                    });
                [decided, paced, told, cut]
            },
        ),
        violation(
            "fault.offline-framed-as-an-event",
            [FAULT_4, ERROR_1],
            "With stream true the body of the 503 is an event stream with the error in an event.",
            page(
                ErrorCode::BotOffline,
                When::bot(&fixtures.bots.offline).and(When::stream()),
                "text/event-stream",
                |body| format!("data: {body}\n\n"),
            ),
        ),
        violation(
            "fault.offline-bad-gateway-for-streams",
            [FAULT_4],
            "With stream true, and only then, an agent that is offline gives 502 bad_gateway.",
            [rewords(
                Guard::Agent,
                When::bot(&fixtures.bots.offline).and(When::stream()),
                |_, refusal| {
                    refusal.status = 502;
                    refusal.code = "bad_gateway".into();
                },
            )],
        ),
        violation(
            "fault.internal-without-code-for-streams",
            [FAULT_4, ERROR_1],
            "The 500 of an unexpected error names no code where stream is true.",
            [error_of(ErrorCode::InternalError, When::stream(), |body| {
                *body = json!({ "error": { "message": "an unexpected error occurred" } });
            })],
        ),
        violation(
            "fault.unreachable-closed-for-streams",
            [FAULT_4],
            "With stream true, and only then, the connection is closed where the container can't be reached.",
            [answers_of(
                503,
                When::bot(&fixtures.bots.unreachable).and(When::stream()),
                |_, _| vec![Outgoing::Close],
            )],
        ),
        violation(
            "fault.timeout-head-and-error-together",
            [FAULT_4],
            "With stream true the head of a 200 stream comes only at the time-out, and right behind it the error.",
            {
                let [decided, paced, told] =
                    streamed(&[ErrorCode::Timeout], always, move |refusal| {
                        vec![told(refusal), done()]
                    });
                let late = stream_pieces(When::bot(&fixtures.bots.slow), |_, piece, bytes| {
                    match piece {
                        // The error is due after 1.3 s at the mock's usual scale.
                        Piece::Head => {
                            vec![
                                Outgoing::Pause(std::time::Duration::from_millis(1290)),
                                send(bytes),
                            ]
                        }
                        Piece::Chunk(_) | Piece::Last => vec![send(bytes)],
                    }
                });
                [decided, paced, told, late]
            },
        ),
        violation(
            "fault.timeout-unnamed-in-a-stream",
            [FAULT_4],
            "With stream true the time-out is an error in a 200 stream, with the code upstream_error.",
            streamed(&[ErrorCode::Timeout], always, move |_| {
                vec![
                    Event::Data(
                        json!({ "error": { "message": "no answer", "code": "upstream_error" } })
                            .to_string(),
                    ),
                    done(),
                ]
            }),
        ),
        violation(
            "fault.timeout-passed-over-in-silence",
            [FAULT_4, STREAM_4],
            "With stream true a 200 stream begins, and at the time-out comes [DONE], without a chunk and without an error.",
            streamed(&[ErrorCode::Timeout], always, |_| {
                vec![raw(": waiting\n\n"), Event::Data(DONE.to_owned())]
            }),
        ),
        violation(
            "fault.timeout-ends-the-stream",
            [FAULT_4, STREAM_8],
            "With stream true a 200 stream begins, and at the time-out it ends without a word.",
            streamed(&[ErrorCode::Timeout], always, |_| {
                vec![raw(": waiting\n\n")]
            }),
        ),
    ]
}
