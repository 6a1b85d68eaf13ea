//! What is asked: texts of our own, a text of the scenario's, or those of a file.

use super::keys::LARGEST_PROMPT;
use super::lines;
use super::mistakes::out_of_place;
use super::template::Template;
use crate::contract::ROLES;
use crate::profile::{Section, Wrong, nearest};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Where the prompts of a request come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompts {
    /// Ours.
    Builtin(Builtin),
    /// One text, filled in for each request.
    Template(Template),
    /// Those of a file, sent as they are.
    File {
        /// The file, as the scenario names it: relative to its folder.
        name: String,
        /// At least one.
        prompts: Arc<[Prompt]>,
    },
}

/// A prompt of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// One message of the user's.
    Text(String),
    /// A whole conversation so far; at least one message.
    Messages(Vec<Message>),
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whose it is: one of [`ROLES`].
    pub role: &'static str,
    /// What it says.
    pub content: String,
}

/// The sets of prompts that come with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// A sentence each.
    Short,
    /// A page each: what is to be worked on stands in the prompt.
    Long,
    /// Every kind of character that a client may cut or count wrongly.
    Unicode,
}

impl Builtin {
    /// All of them.
    pub const ALL: &[Builtin] = &[Builtin::Short, Builtin::Long, Builtin::Unicode];

    /// Its prompts; at least one.
    pub const fn prompts(self) -> &'static [&'static str] {
        match self {
            Builtin::Short => SHORT,
            Builtin::Long => LONG,
            Builtin::Unicode => UNICODE,
        }
    }
}

const SHORT: &[&str] = &[
    "Say hello in one sentence.",
    "Name three rivers and the countries they flow through.",
    "What is the difference between a comet and an asteroid?",
    "Give me a short recipe for pancakes.",
    "Explain in two sentences why the sky is blue.",
    "Which is larger, a third or three tenths, and why?",
    "Write a four-line poem about a lighthouse.",
    "How do I politely decline an invitation?",
];

const LONG: &[&str] = &[
    include_str!("prompts/meeting.txt"),
    include_str!("prompts/code.txt"),
    include_str!("prompts/letter.txt"),
];

const UNICODE: &[&str] = &[
    "Grüße aus Köln! Was heißt „Straße“ auf Englisch?",
    "日本の四季について、二文で教えてください。",
    "ما هي عاصمة المغرب؟ أجب بجملة واحدة.",
    "Что такое «белые ночи»? Ответь одним предложением.",
    "Repeat these without a change: 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇺🇳 e\u{301} \u{e9} 𝒳 𠮷.",
    "Is \"naïve\\tcafé\" one word or two?\nAnswer on\tone line.",
    "ทำไมท้องฟ้าเป็นสีฟ้า ตอบสั้น ๆ",
    "हिन्दी में एक वाक्य में अपना परिचय दीजिए।",
];

/// Reads `prompts` or `prompt`.
pub(super) fn read(section: &Section<'_, '_>, folder: &Path) -> Option<Prompts> {
    if section.has("prompt") {
        out_of_place(section, "prompts", "beside `prompt`", None);
        return template(section, "prompt", LARGEST_PROMPT).map(Prompts::Template);
    }
    let name = if section.has("prompts") {
        section.text("prompts")?.value
    } else {
        section.declared("prompts", |value| value.as_str().map(str::to_owned))
    };
    if let Some(file) = name.strip_prefix("file:") {
        let prompts = lines::read(section, "prompts", file, folder, prompt)?;
        return Some(Prompts::File {
            name: file.to_owned(),
            prompts: prompts.into(),
        });
    }
    let builtin = name.strip_prefix("builtin:").and_then(Builtin::of_word);
    if let Some(builtin) = builtin {
        return Some(Prompts::Builtin(builtin));
    }
    let wrong = Wrong::Choice {
        key: section.path("prompts"),
        nearest: nearest(&name, NAMES.iter().copied().take(3)),
        found: name,
        choices: NAMES.to_vec(),
    };
    section
        .document()
        .report(section.at_value("prompts"), wrong);
    None
}

const NAMES: &[&str] = &[
    "builtin:short",
    "builtin:long",
    "builtin:unicode",
    "file:NAME",
];

/// Reads a text with places in it.
pub(super) fn template(section: &Section<'_, '_>, key: &str, longest: usize) -> Option<Template> {
    let text = section.text(key)?;
    let bytes = in_a_body(&text.value);
    if bytes > longest {
        let expected = format!("{longest} bytes at most");
        let found = format!("{bytes} bytes");
        return section.not_allowed(key, Some(found), expected, None);
    }
    let unknown = match Template::parse(&text.value) {
        Ok(template) => return Some(template),
        Err(unknown) => unknown,
    };
    for place in unknown {
        let wrong = Wrong::Value {
            key: section.path(key),
            found: Some(place.text),
            expected: "a text with {user}, {n} or {random} in it".to_owned(),
            hint: Some("write `{{` where a brace is meant"),
        };
        let document = section.document();
        document.report(document.inside(&text, place.at), wrong);
    }
    None
}

/// A line of a file of prompts.
fn prompt(value: &Value) -> Result<Prompt, Wrong> {
    let Some(table) = value.as_object() else {
        let expected = "a JSON string, {\"prompt\": …} or {\"messages\": […]}";
        return text(value, "line", expected).map(Prompt::Text);
    };
    if let Some(name) = table.keys().find(|name| !LINE.contains(&name.as_str())) {
        return Err(Wrong::UnknownKey {
            key: name.clone(),
            section: String::new(),
            nearest: nearest(name, LINE.iter().copied()),
            known: LINE.to_vec(),
        });
    }
    match (table.get("prompt"), table.get("messages")) {
        (Some(prompt), None) => text(prompt, "prompt", "a string").map(Prompt::Text),
        (None, Some(messages)) => conversation(messages).map(Prompt::Messages),
        (None, None) => Err(Wrong::Lacks {
            what: "the line",
            needs: "a `prompt` or `messages`",
        }),
        (Some(_), Some(_)) => Err(Wrong::OutOfPlace {
            key: "prompt".to_owned(),
            place: "beside `messages`".to_owned(),
            hint: None,
        }),
    }
}

const LINE: &[&str] = &["prompt", "messages"];

fn text(value: &Value, key: &str, expected: &'static str) -> Result<String, Wrong> {
    let Some(text) = value.as_str() else {
        return Err(Wrong::Type {
            key: key.to_owned(),
            expected,
            found: kind_of(value),
        });
    };
    if text.is_empty() {
        return Err(Wrong::Empty {
            key: key.to_owned(),
            variable: None,
        });
    }
    short_enough(key, in_a_body(text))?;
    Ok(text.to_owned())
}

/// How many bytes of a JSON body a text takes: quotes, line ends and the like are escaped there.
fn in_a_body(text: &str) -> usize {
    let quotes = 2;
    serde_json::to_string(text).map_or(text.len(), |json| json.len() - quotes)
}

fn short_enough(key: &str, bytes: usize) -> Result<(), Wrong> {
    if bytes <= LARGEST_PROMPT {
        return Ok(());
    }
    Err(Wrong::Value {
        key: key.to_owned(),
        found: Some(format!("{bytes} bytes")),
        expected: format!("{LARGEST_PROMPT} bytes at most"),
        hint: Some("a body of 100,000 bytes is accepted always, and the prompt is not all of it"),
    })
}

fn conversation(value: &Value) -> Result<Vec<Message>, Wrong> {
    let Some(items) = value.as_array() else {
        return Err(Wrong::Type {
            key: "messages".to_owned(),
            expected: "a list",
            found: kind_of(value),
        });
    };
    if items.is_empty() {
        return Err(Wrong::Empty {
            key: "messages".to_owned(),
            variable: None,
        });
    }
    let messages = items.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    // A role, its names and its quotes take about so much of the body.
    const AROUND: usize = 40;
    let bytes = messages
        .iter()
        .map(|message| in_a_body(&message.content) + AROUND);
    short_enough("messages", bytes.sum())?;
    Ok(messages)
}

fn message(value: &Value) -> Result<Message, Wrong> {
    let missing = |needs| Wrong::Lacks {
        what: "a message",
        needs,
    };
    let Some(table) = value.as_object() else {
        return Err(Wrong::Type {
            key: "messages".to_owned(),
            expected: "a list of {\"role\": …, \"content\": …}",
            found: kind_of(value),
        });
    };
    const KEYS: &[&str] = &["role", "content"];
    if let Some(name) = table.keys().find(|name| !KEYS.contains(&name.as_str())) {
        return Err(Wrong::UnknownKey {
            key: name.clone(),
            section: "messages".to_owned(),
            nearest: nearest(name, KEYS.iter().copied()),
            known: KEYS.to_vec(),
        });
    }
    let role = table.get("role").ok_or_else(|| missing("a `role`"))?;
    let role = text(role, "messages.role", "a string")?;
    let content = table.get("content").ok_or_else(|| missing("a `content`"))?;
    let content = text(content, "messages.content", "a string")?;
    match ROLES.iter().copied().find(|known| *known == role) {
        Some(role) => Ok(Message { role, content }),
        None => Err(Wrong::Choice {
            key: "messages.role".to_owned(),
            nearest: nearest(&role, ROLES),
            found: role,
            choices: ROLES.to_vec(),
        }),
    }
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_prompts_are_of_their_kind() {
        for builtin in Builtin::ALL {
            assert!(!builtin.prompts().is_empty());
            for prompt in builtin.prompts() {
                assert!(!prompt.trim().is_empty() && prompt.len() < LARGEST_PROMPT);
                let long = *builtin == Builtin::Long;
                assert_eq!(prompt.len() > 1_000, long, "{prompt}");
                assert_eq!(prompt.is_ascii(), *builtin != Builtin::Unicode, "{prompt}");
            }
        }
    }

    #[test]
    fn a_line_is_a_text_or_a_conversation() {
        let read = |line: &str| prompt(&serde_json::from_str(line).expect("it is JSON"));
        assert_eq!(read("\"a\""), Ok(Prompt::Text("a".to_owned())));
        assert_eq!(
            read("{\"prompt\": \"a\"}"),
            Ok(Prompt::Text("a".to_owned()))
        );
        let conversation = read(
            "{\"messages\": [{\"role\": \"system\", \"content\": \"a\"}, {\"role\": \"user\", \"content\": \"b\"}]}",
        );
        let message = |role, content: &str| Message {
            role,
            content: content.to_owned(),
        };
        assert_eq!(
            conversation,
            Ok(Prompt::Messages(vec![
                message("system", "a"),
                message("user", "b")
            ]))
        );
        let long = format!("\"{}\"", "a".repeat(LARGEST_PROMPT + 1));
        // As many bytes of JSON, in half as many characters.
        let escaped = format!("\"{}\"", "\\n".repeat(LARGEST_PROMPT / 2 + 1));
        for (line, said) in [
            (
                "1",
                "`line` has to be a JSON string, {\"prompt\": …} or {\"messages\": […]}, not a number",
            ),
            ("\"\"", "`line` is empty"),
            ("{}", "the line needs a `prompt` or `messages`"),
            ("{\"promt\": \"a\"}", "unknown key `promt`"),
            (
                "{\"prompt\": \"a\", \"messages\": []}",
                "`prompt` says nothing beside `messages`",
            ),
            ("{\"messages\": []}", "`messages` is empty"),
            (
                "{\"messages\": [1]}",
                "`messages` has to be a list of {\"role\": …, \"content\": …}, not a number",
            ),
            (
                "{\"messages\": [{\"role\": \"user\"}]}",
                "a message needs a `content`",
            ),
            (
                "{\"messages\": [{\"role\": \"bot\", \"content\": \"a\"}]}",
                "`messages.role` has to be `user` or `assistant` or `system`, not `bot`",
            ),
            (
                escaped.as_str(),
                "`line` has to be 98000 bytes at most, not `98002 bytes`",
            ),
            (
                long.as_str(),
                "`line` has to be 98000 bytes at most, not `98001 bytes`",
            ),
        ] {
            let wrong = read(line).expect_err(line);
            assert_eq!(wrong.to_string(), said);
        }
    }
}
