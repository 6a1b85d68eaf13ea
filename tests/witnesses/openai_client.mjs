// OpenAI's own Node client as a witness: it reads what the mock says, and knows its errors. The same as
// openai_client.py, which says more; `.ci/witnesses` copies this beside an installed client and runs it there.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { VERSION } from "openai/version";

function fixture(name) {
  const value = process.env[`MOCK_${name}`];
  assert.ok(value, `MOCK_${name} is not set`);
  return value;
}

function client(key = "KEYS_VALID", maxRetries = 0) {
  // Without retries of its own it shows every answer as it came.
  return new OpenAI({ baseURL: fixture("TARGET_BASE_URL"), apiKey: fixture(key), maxRetries, timeout: 20_000 });
}

const path = (bot) => `/api/v1/bot/${bot}/chat`;
const body = (text, more = {}) => ({ messages: [{ role: "user", content: text }], ...more });
const reply = (of, bot, text) => of.post(path(bot), { body: body(text) });
const stream = (of, bot, text) => of.post(path(bot), { body: body(text, { stream: true }), stream: true });

// Gives how many chunks the stream had.
async function answersAreReadWhole(text) {
  const one = client();
  const bot = fixture("BOTS_MAIN");
  const said = await reply(one, bot, text);
  assert.equal(said.object, "chat.completion");
  assert.equal(said.choices.length, 1);
  const [{ index, message, finish_reason }] = said.choices;
  assert.deepEqual([index, message.role, finish_reason], [0, "assistant", "stop"]);
  assert.equal(said.usage.total_tokens, said.usage.prompt_tokens + said.usage.completion_tokens);

  const chunks = [];
  for await (const chunk of await stream(one, bot, text)) {
    chunks.push(chunk);
  }
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
  assert.deepEqual(new Set(chunks.map(({ object }) => object)), new Set(["chat.completion.chunk"]));
  assert.equal(chunks.map(({ choices }) => choices[0].delta.content ?? "").join(""), message.content);
  const reasons = chunks.map(({ choices }) => choices[0].finish_reason ?? null);
  assert.deepEqual(reasons, [...Array(chunks.length - 1).fill(null), "stop"]);

  // The client stops at [DONE] and hides whether it came at all: the text of the same stream shows it.
  const response = await one.post(path(bot), { body: body(text, { stream: true }) }).asResponse();
  const events = (await response.text()).split("\n\n");
  assert.deepEqual(events.slice(-2), ["data: [DONE]", ""]);
  assert.equal(events.length - 2, chunks.length);
  return chunks.length;
}

// Gives how many errors were asked for.
async function errorsHaveTheirClass() {
  const main = fixture("BOTS_MAIN");
  const hello = "Hello!";
  const tooLarge = "x".repeat(110_000);
  const table = [
    ["KEYS_REVOKED", main, hello, OpenAI.AuthenticationError, 401, "invalid_api_key"],
    ["KEYS_VALID", fixture("BOTS_API_OFF"), hello, OpenAI.PermissionDeniedError, 403, "api_not_enabled"],
    ["KEYS_VALID", "bot_nobody", hello, OpenAI.NotFoundError, 404, "bot_not_found"],
    ["KEYS_FOREIGN", main, hello, OpenAI.NotFoundError, 404, "bot_not_found"],
    ["KEYS_VALID", main, null, OpenAI.BadRequestError, 400, "invalid_request"],
    ["KEYS_VALID", main, tooLarge, OpenAI.APIError, 413, "request_too_large"],
    ["KEYS_VALID", fixture("BOTS_FAULTY"), hello, OpenAI.InternalServerError, 500, "internal_error"],
    ["KEYS_VALID", fixture("BOTS_OFFLINE"), hello, OpenAI.InternalServerError, 503, "bot_offline"],
    ["KEYS_VALID", fixture("BOTS_UNREACHABLE"), hello, OpenAI.InternalServerError, 503, "container_error"],
    ["KEYS_VALID", fixture("BOTS_SLOW"), hello, OpenAI.InternalServerError, 504, "timeout"],
  ];
  for (const [key, bot, text, kind, status, code] of table) {
    for (const ask of [reply, stream]) {
      const error = await ask(client(key), bot, text).then(
        () => assert.fail(`${code} was expected, and an answer came`),
        (error) => error,
      );
      assert.equal(error.constructor, kind, `the class of ${code}: ${error}`);
      assert.deepEqual([error.status, error.code], [status, code]);
    }
  }
  return 2 * table.length;
}

// Gives how many seconds the client waited for a place in the budget.
async function limitsAreKnownAndWaitedFor() {
  const bot = fixture("BOTS_MAIN");
  const limited = client("KEYS_RATE_LIMITED");
  let refusal;
  for (let sent = 0; sent < Number(fixture("PROVOKE_BURST")) && !refusal; sent += 1) {
    refusal = await reply(limited, bot, "Hello!").then(
      () => undefined,
      (error) => error,
    );
  }
  assert.ok(refusal instanceof OpenAI.RateLimitError, `a burst met no limit: ${refusal}`);
  assert.deepEqual([refusal.status, refusal.code], [429, "rate_limited"]);
  assert.equal(refusal.headers.get("retry-after"), String(refusal.error.retry_after));
  // Left to itself the client does what Retry-After says, and is let in.
  const begin = performance.now();
  const said = await reply(client("KEYS_RATE_LIMITED", 1), bot, "Hello!");
  assert.equal(said.object, "chat.completion");
  return (performance.now() - begin) / 1000;
}

const short = await answersAreReadWhole('Grüße, 世界 😀 — "quoted"\n\u2028and on');
const long = await answersAreReadWhole(fixture("PROMPT_LONG"));
const errors = await errorsHaveTheirClass();
const waited = await limitsAreKnownAndWaitedFor();
console.log(`openai ${VERSION} read replies and streams of ${short} and ${long} chunks`);
console.log(`and ${errors} errors, each with its class, status and code; at a limit it waited ${waited.toFixed(1)} s`);
