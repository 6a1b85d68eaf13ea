"""OpenAI's own Python client as a witness: it reads what the mock says, and knows its errors.

The API has OpenAI's shape but another path, so every request is the client's raw one; what reads the answer is the
client's own code. `.ci/witnesses` runs this and sets the variables, which are the mock's profile.
"""

import os
import sys
import time

import openai
from openai import OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk


def fixture(name):
    return os.environ["MOCK_" + name]


def same(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got!r} where {wanted!r} was expected")


def client(key="KEYS_VALID", retries=0):
    # Without retries of its own it shows every answer as it came.
    return OpenAI(
        base_url=fixture("TARGET_BASE_URL"), api_key=fixture(key), max_retries=retries, timeout=20
    )


def path(bot):
    return f"/api/v1/bot/{bot}/chat"


def body(text, **more):
    return {"messages": [{"role": "user", "content": text}], **more}


def reply(of, bot, text):
    return of.post(path(bot), cast_to=ChatCompletion, body=body(text))


def stream(of, bot, text):
    return of.post(
        path(bot),
        cast_to=ChatCompletionChunk,
        body=body(text, stream=True),
        stream=True,
        stream_cls=Stream[ChatCompletionChunk],
    )


def answers_are_read_whole(text):
    """Returns how many chunks the stream had."""
    one = client()
    bot = fixture("BOTS_MAIN")
    said = reply(one, bot, text)
    same("a reply's object", said.object, "chat.completion")
    same("a reply's choices", [choice.index for choice in said.choices], [0])
    choice = said.choices[0]
    same("who replies", choice.message.role, "assistant")
    same("why a reply ends", choice.finish_reason, "stop")
    usage = said.usage
    same(
        "the sum of a reply's tokens",
        usage.total_tokens,
        usage.prompt_tokens + usage.completion_tokens,
    )

    chunks = list(stream(one, bot, text))
    same("the ids of a stream", len({chunk.id for chunk in chunks}), 1)
    same("the objects of a stream", {chunk.object for chunk in chunks}, {"chat.completion.chunk"})
    deltas = [chunk.choices[0].delta.content or "" for chunk in chunks]
    same("what a stream says", "".join(deltas), choice.message.content)
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    same("why a stream ends", reasons, [None] * (len(chunks) - 1) + ["stop"])

    # The client stops at [DONE] and hides whether it came at all: the text of the same stream shows it.
    events = one.post(path(bot), cast_to=str, body=body(text, stream=True)).split("\n\n")
    same("a stream's end", events[-2:], ["data: [DONE]", ""])
    same("a stream's events but [DONE]", len(events) - 2, len(chunks))
    return len(chunks)


def errors_have_their_class():
    """Returns how many errors were asked for."""
    main = fixture("BOTS_MAIN")
    hello = "Hello!"
    too_large = "x" * 110_000
    table = [
        ("KEYS_REVOKED", main, hello, openai.AuthenticationError, 401, "invalid_api_key"),
        ("KEYS_VALID", fixture("BOTS_API_OFF"), hello, openai.PermissionDeniedError, 403, "api_not_enabled"),
        ("KEYS_VALID", "bot_nobody", hello, openai.NotFoundError, 404, "bot_not_found"),
        ("KEYS_FOREIGN", main, hello, openai.NotFoundError, 404, "bot_not_found"),
        ("KEYS_VALID", main, None, openai.BadRequestError, 400, "invalid_request"),
        ("KEYS_VALID", main, too_large, openai.APIStatusError, 413, "request_too_large"),
        ("KEYS_VALID", fixture("BOTS_FAULTY"), hello, openai.InternalServerError, 500, "internal_error"),
        ("KEYS_VALID", fixture("BOTS_OFFLINE"), hello, openai.InternalServerError, 503, "bot_offline"),
        ("KEYS_VALID", fixture("BOTS_UNREACHABLE"), hello, openai.InternalServerError, 503, "container_error"),
        ("KEYS_VALID", fixture("BOTS_SLOW"), hello, openai.InternalServerError, 504, "timeout"),
    ]
    for key, bot, text, kind, status, code in table:
        for ask in (reply, stream):
            try:
                ask(client(key), bot, text)
            except openai.APIStatusError as error:
                same(f"the class of {code}", type(error), kind)
                same(f"the status and code of {code}", (error.status_code, error.code), (status, code))
            else:
                sys.exit(f"{code} was expected, and an answer came")
    return 2 * len(table)


def limits_are_known_and_waited_for():
    """Returns how many seconds the client waited for a place in the budget."""
    bot = fixture("BOTS_MAIN")
    limited = client("KEYS_RATE_LIMITED")
    for _ in range(int(fixture("PROVOKE_BURST"))):
        try:
            reply(limited, bot, "Hello!")
        except openai.RateLimitError as error:
            same("the status and code of a limit", (error.status_code, error.code), (429, "rate_limited"))
            wait = error.body["retry_after"]
            same("the wait in body and field", error.response.headers["retry-after"], str(wait))
            break
    else:
        sys.exit("a burst met no limit")
    # Left to itself the client does what Retry-After says, and is let in.
    begin = time.monotonic()
    same(
        "what comes after the wait",
        reply(client("KEYS_RATE_LIMITED", retries=1), bot, "Hello!").object,
        "chat.completion",
    )
    return time.monotonic() - begin


def main():
    short = answers_are_read_whole("Grüße, 世界 😀 — \"quoted\"\n\u2028and on")
    long = answers_are_read_whole(fixture("PROMPT_LONG"))
    errors = errors_have_their_class()
    waited = limits_are_known_and_waited_for()
    print(f"openai {openai.__version__} read replies and streams of {short} and {long} chunks")
    print(f"and {errors} errors, each with its class, status and code; at a limit it waited {waited:.1f} s")


main()
