//! `schemas/openapi.json`, the API as an OpenAPI document: it says what the schema files say, it has every documented
//! error, its examples are the documentation's, and what the mock answers is what it describes.
//!
//! Whether it is an OpenAPI document is for others to say: `.ci/witnesses`.

use std::collections::BTreeSet;
use std::fs;

use clawcheck::contract::{DOCUMENT, DONE, ErrorCode, RequirementId, chat_path};
use clawcheck::mock::{Limits, Mock, MockConfig};
use clawcheck::time::Scale;
use serde_json::{Value, json};

use crate::raw::{Answer, Raw, request};
use crate::schemas::{load, path};

const NAME: &str = "openapi.json";

/// Components that are schema files, too; these are where they are written.
const SAME: [(&str, &str); 4] = [
    ("Request", "request.schema.json"),
    ("Reply", "reply.schema.json"),
    ("Chunk", "chunk.schema.json"),
    ("Error", "error.schema.json"),
];

/// `CLAWCHECK_BLESS=1 cargo test openapi` writes the schema files into the document.
#[test]
fn its_components_are_the_schema_files() {
    let mut document = load(NAME);
    for (component, file) in SAME {
        let mut schema = load(file);
        let members = schema.as_object_mut().expect("a schema file is an object");
        members.shift_remove("$schema"); // the document's version says it for all of them
        document["components"]["schemas"][component] = schema;
    }
    let text = format!("{document:#}\n");
    if std::env::var_os("CLAWCHECK_BLESS").is_some() {
        fs::write(path(NAME), &text).expect("the document can be written");
    }
    let committed = fs::read_to_string(path(NAME)).unwrap_or_default();
    assert!(committed == text, "{NAME} is stale");
}

/// A schema of the document, with the components that it may refer to.
fn errors_of(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let whole = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::validator_for(&whole).expect("it is a schema");
    validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn operation<'a>(document: &'a Value, method: &str) -> &'a Value {
    &document["paths"][chat_path("{botId}")][method]
}

/// The documented errors as the document has them: each status whose answers have a body that it describes.
fn rows(document: &Value) -> Vec<(u16, &Value)> {
    let responses = operation(document, "post")["responses"].as_object();
    responses
        .expect("it has responses")
        .iter()
        .filter(|(status, response)| *status != "200" && response.get("content").is_some())
        .map(|(status, response)| (status.parse().expect("a status is a number"), response))
        .collect()
}

#[test]
fn every_error_code_stands_under_its_status_and_no_other() {
    let document = load(NAME);
    let rows = rows(&document);
    let statuses = |statuses: &mut dyn Iterator<Item = u16>| statuses.collect::<BTreeSet<_>>();
    assert_eq!(
        statuses(&mut rows.iter().map(|(status, _)| *status)),
        statuses(&mut ErrorCode::ALL.iter().map(|code| code.status()))
    );
    for (status, response) in rows {
        let content = response["content"].as_object().expect("it has content");
        assert_eq!(
            content.keys().collect::<Vec<_>>(),
            ["application/json", "application/problem+json"]
        );
        for code in ErrorCode::ALL {
            let own = code.status() == status;
            let description = response["description"].as_str().unwrap_or_default();
            assert!(!own || description.contains(code.meaning()), "{code}");
            let examples = &response["content"]["application/json"]["examples"];
            assert_eq!(examples.get(code.as_str()).is_some(), own, "{code}");
            let name = code.as_str();
            for (body, named) in [
                (json!({ "error": { "code": name, "message": "m" } }), true),
                (json!({ "error": name }), true),
                (json!({ "errors": [{ "a": 1 }, { "code": name }] }), true),
                (
                    json!({ "error": { "message": format!("it is {name}") } }),
                    false,
                ),
                (json!({ "error": { name: 1 } }), false),
            ] {
                for media in content.values() {
                    let errors = errors_of(&document, &media["schema"], &body);
                    assert_eq!(errors.is_empty(), own && named, "{status}: {body}");
                }
            }
        }
    }
}

#[test]
fn a_wait_may_have_every_form_that_can_be_read() {
    let document = load(NAME);
    let content = &operation(&document, "post")["responses"]["429"]["content"];
    let schema = &content["application/json"]["schema"];
    for (wait, right) in [
        (json!(1.5), true),
        (json!("3"), true),
        (json!(null), true),
        (json!(-1), false),
        (json!({ "seconds": 1 }), false),
        (json!(true), false),
    ] {
        for body in [
            json!({ "error": { "code": "rate_limited", "retry_after": wait } }),
            json!({ "error": "rate_limited", "retry_after": wait }),
        ] {
            assert_eq!(
                errors_of(&document, schema, &body).is_empty(),
                right,
                "{body}"
            );
        }
    }
}

fn requirements<'a>(node: &'a Value, found: &mut Vec<&'a str>) {
    if let Some(id) = node.get("x-requirement") {
        found.push(id.as_str().expect("an id is text"));
    }
    let (members, elements) = (node.as_object(), node.as_array());
    let below = members.into_iter().flat_map(|members| members.values());
    for node in below.chain(elements.into_iter().flatten()) {
        requirements(node, found);
    }
}

#[test]
fn the_requirements_that_it_names_are_there() {
    let document = load(NAME);
    let mut found = Vec::new();
    requirements(&document, &mut found);
    assert!(found.contains(&"ROUTE-1") && found.contains(&"REPLY-4"));
    for id in found {
        assert!(RequirementId::parse(id).is_ok(), "{id}");
    }
}

/// What stands in the documentation behind `after`, from `start` to `end`.
fn sample(after: &str, start: &str, end: &str) -> Value {
    let (_, rest) = DOCUMENT.split_once(after).expect("it is documented");
    let from = rest.find(start).expect("it has a sample");
    let to = from + rest[from..].find(end).expect("it ends") + end.len();
    serde_json::from_str(&rest[from..to]).expect("the sample is JSON")
}

#[test]
fn its_examples_are_right_and_the_documentations() {
    let document = load(NAME);
    let post = operation(&document, "post");
    let mut contents = vec![&post["requestBody"]["content"]];
    let responses = post["responses"].as_object().expect("it has responses");
    contents.extend(
        responses
            .values()
            .filter_map(|response| response.get("content")),
    );
    let mut count = 0;
    for media in contents.into_iter().filter_map(Value::as_object).flatten() {
        let examples = media.1.get("examples").and_then(Value::as_object);
        for (name, example) in examples.into_iter().flatten() {
            let errors = errors_of(&document, &media.1["schema"], &example["value"]);
            assert_eq!(errors, Vec::<String>::new(), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 3 + 1 + 2 + ErrorCode::ALL.len());

    let asked = &post["requestBody"]["content"]["application/json"]["examples"];
    let curl = sample("Curl", "{", "\n  }");
    assert_eq!(
        asked["documented"]["value"],
        sample("Request Body", "{", "\n}")
    );
    assert_eq!(asked["curl"]["value"], curl);
    let mut javascript = curl;
    javascript["stream"] = json!(true);
    assert_eq!(asked["javascript"]["value"], javascript);
    assert!(
        DOCUMENT.contains("messages: [{ role: \"user\", content: \"Hello!\" }],\n    stream: true")
    );
    let answered = &post["responses"]["200"]["content"];
    assert_eq!(
        answered["application/json"]["examples"]["documented"]["value"],
        sample("Non-streaming", "{", "\n}")
    );
    let events = answered["text/event-stream"]["examples"].as_object();
    for event in events.expect("it has examples").values() {
        let data = event["value"]["data"].as_str().expect("an event has data");
        assert!(DOCUMENT.contains(&format!("\ndata: {data}\n")), "{data}");
    }
}

/// What the document says of that status: by itself, or with all of its hundred.
fn described<'a>(document: &'a Value, method: &str, status: u16) -> &'a Value {
    let responses = &operation(document, method)["responses"];
    [status.to_string(), format!("{}XX", status / 100)]
        .iter()
        .find_map(|key| responses.get(key))
        .unwrap_or_else(|| panic!("{status} is not described"))
}

fn assert_described(document: &Value, method: &str, answer: &Answer) {
    let response = described(document, method, answer.status);
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let needed = header["required"] == true;
        assert!(!needed || answer.field(name).is_some(), "{name}");
    }
    let Some(content) = response.get("content") else {
        return;
    };
    let media = answer.field("content-type").expect("it says what it is");
    let schema = &content[media]["schema"];
    assert!(schema.is_object(), "{media} is not described");
    let right = |schema: &Value, value: &Value| {
        assert_eq!(errors_of(document, schema, value), Vec::<String>::new());
    };
    if media == "application/json" {
        right(schema, &answer.json());
        if answer.status != 200 {
            // What a documented error SHOULD look like (ERROR-2).
            right(
                &json!({ "$ref": "#/components/schemas/Error" }),
                &answer.json(),
            );
        }
        return;
    }
    let text = answer.text();
    let events = text.strip_suffix("\n\n").expect("the last event is whole");
    for event in events.split("\n\n") {
        let data = event.strip_prefix("data: ").expect("an event is data");
        right(schema, &json!({ "event": "message", "data": data }));
        if data != DONE {
            // Validators don't look into a text, whatever `contentSchema` says.
            let chunk = serde_json::from_str(data).expect("a chunk is JSON");
            right(&json!({ "$ref": "#/components/schemas/Chunk" }), &chunk);
        }
    }
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn what_the_mock_answers_is_described() {
    let document = load(NAME);
    let mock = Mock::start(MockConfig {
        time_scale: Scale::new(0.001).expect("it is positive"),
        // Whoever has a limit has reached it.
        limits: Limits {
            budget: 0,
            places: 0,
            ..Limits::default()
        },
        ..MockConfig::default()
    })
    .await
    .expect("a free port can be had");
    let keys = &mock.fixtures().keys;
    let bots = &mock.fixtures().bots;
    let good = |key: &str, bot: &str, prompt: &str, stream: bool| {
        let body = json!({ "messages": [{ "role": "user", "content": prompt }], "stream": stream });
        let bearer = format!("Bearer {key}");
        let fields = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        request(
            "POST",
            &chat_path(bot),
            &fields,
            body.to_string().as_bytes(),
        )
    };
    let one = async |bytes: Vec<u8>| {
        let mut raw = Raw::connect(mock.addr()).await;
        raw.send(&bytes).await;
        raw.answer().await
    };
    let main = bots.main.as_str();
    let valid = keys.valid.expose();
    for stream in [false, true] {
        let answer = one(good(valid, main, "Hello!", stream)).await;
        assert_eq!(answer.status, 200);
        assert_described(&document, "post", &answer);
    }

    let mut answers = Vec::new();
    for (key, bot) in [
        ("clawbite_sk_", main),
        (keys.revoked.expose(), main),
        (valid, &bots.api_off),
        (valid, &bots.foreign),
        (valid, &bots.offline),
        (valid, &bots.unreachable),
        (valid, &bots.slow),
        (valid, &bots.faulty),
        (keys.rate_limited.expose(), main),
        (valid, &bots.rate_limited),
        (keys.concurrency_limited.expose(), main),
    ] {
        for stream in [false, true] {
            answers.push(one(good(key, bot, "Hello!", stream)).await);
        }
    }
    let bare = |fields: &[(&str, &str)]| request("POST", &chat_path(main), fields, b"{}");
    let bearer = format!("Bearer {valid}");
    let key = ("Authorization", bearer.as_str());
    answers.push(one(bare(&[])).await);
    answers.push(one(bare(&[key, ("Content-Type", "application/json")])).await);
    // Announced is enough: it is refused before any of it comes.
    let too_large = [key, ("Content-Length", "200000")];
    answers.push(one(request("POST", &chat_path(main), &too_large, b"")).await);
    let mut codes = BTreeSet::new();
    for answer in &answers {
        assert_described(&document, "post", answer);
        codes.insert(answer.code());
    }
    let all = ErrorCode::ALL.iter().map(|code| code.as_str().to_owned());
    assert_eq!(codes, all.collect::<BTreeSet<_>>());

    // What is HTTP's own is named, and nothing is said of its body.
    let answer = one(bare(&[key, ("Content-Type", "text/plain")])).await;
    assert_eq!(answer.status, 415);
    assert_described(&document, "post", &answer);

    let preflight = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "POST"),
        (
            "Access-Control-Request-Headers",
            "authorization,content-type",
        ),
    ];
    let mut raw = Raw::connect(mock.addr()).await;
    raw.send(&request("OPTIONS", &chat_path(main), &preflight, b""))
        .await;
    let answer = raw.answer_to("OPTIONS").await;
    assert_described(&document, "options", &answer);
    for parameter in operation(&document, "options")["parameters"]
        .as_array()
        .expect("it has some")
    {
        let sent = preflight
            .iter()
            .find(|(name, _)| parameter["name"] == *name);
        let (name, value) = sent.unwrap_or_else(|| panic!("{parameter} is not sent"));
        let errors = errors_of(&document, &parameter["schema"], &json!(value));
        assert_eq!(errors, Vec::<String>::new(), "{name}");
    }
}
