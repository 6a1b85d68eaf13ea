"""What Schemathesis is told besides its configuration."""

import os

import schemathesis


@schemathesis.hook
def before_load_schema(context, raw_schema):
    without_prefix_items(raw_schema["components"]["schemas"])
    if os.environ.get("WITNESS_REQUESTS") == "accepted":
        raw_schema["components"]["schemas"]["Request"] = accepted(raw_schema)


def without_prefix_items(node):
    """Takes `prefixItems` out: version 4.32 writes it in the form of older drafts in the schemas of answers, and then
    can't read those. What it says there, that the first choice has the index 0, is asked by others."""
    if isinstance(node, dict):
        node.pop("prefixItems", None)
        for value in node.values():
            without_prefix_items(value)
    elif isinstance(node, list):
        for value in node:
            without_prefix_items(value)


def accepted(document):
    """The schema of requests that every deployment has to accept (BODY-7 to BODY-9).

    The document's own schema has much in it that the documentation leaves open (an unknown model, a blank message, an
    assistant who speaks last), and the mock refuses some of that.
    """
    post = document["paths"]["/api/v1/bot/{botId}/chat"]["post"]
    examples = post["requestBody"]["content"]["application/json"]["examples"]
    return {
        "type": "object",
        "required": ["messages"],
        "additionalProperties": False,
        "properties": {
            "messages": {
                "type": "array",
                "anyOf": [
                    conversation("user"),
                    conversation("system", "user"),
                    conversation("user", "assistant", "user"),
                    conversation("system", "user", "assistant", "user"),
                ],
            },
            "stream": {"type": "boolean"},
            "model": {"const": examples["documented"]["value"]["model"]},
            "user": {"type": "string", "minLength": 1, "maxLength": 100},
        },
    }


def conversation(*roles):
    return {
        "prefixItems": [message(role) for role in roles],
        "items": False,
        "minItems": len(roles),
    }


def message(role):
    return {
        "type": "object",
        "required": ["role", "content"],
        "additionalProperties": False,
        "properties": {
            "role": {"const": role},
            # Something that is neither white space nor a control character.
            "content": {"type": "string", "pattern": "\\w"},
        },
    }
