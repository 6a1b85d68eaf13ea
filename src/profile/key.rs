//! The keys that a file of ours may have, declared as data: the parser, the schema and the defaults come from them.

/// A key that a section may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub doc: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it has to be there.
    pub required: bool,
    /// The value that holds where it is not, as JSON.
    pub default: Option<&'static str>,
}

/// What a key's value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A string that is not empty.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A list of strings, none of them empty.
    Texts,
    /// A list of these strings.
    Choices(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A finite number over 0.
    Number,
    /// A number from the first to the second.
    Range(f64, f64),
    /// An integer of 1 or more, and of no more than this.
    Count(usize),
    /// An integer from the first to the second.
    Whole(u64, u64),
    /// An agent: an id, or a table with `id` and `key`.
    Bot,
    /// A day: a TOML date, or a string `YYYY-MM-DD`.
    Date,
    /// A section with these keys.
    Section(&'static [Key]),
    /// A list of sections `[[name]]` with these keys.
    Sections(&'static [Key]),
    /// A section or several whose keys are not declared here.
    Table,
}

impl Kind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Kind::Text | Kind::Choice(_) => "a string",
            Kind::Texts | Kind::Choices(_) => "a list of strings",
            Kind::Flag => "true or false",
            Kind::Number | Kind::Range(..) => "a number",
            Kind::Count(_) | Kind::Whole(..) => "an integer",
            Kind::Bot => "a string, or { id = \"…\", key = \"…\" }",
            Kind::Date => "a day such as 2026-12-31",
            Kind::Section(_) | Kind::Table => "a table",
            Kind::Sections(_) => "a list of tables",
        }
    }
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Key {
        Key {
            name,
            doc,
            kind,
            required: false,
            default: None,
        }
    }

    /// The same key, required.
    #[must_use]
    pub const fn required(mut self) -> Key {
        self.required = true;
        self
    }

    /// The same key with what holds where it is left out, as JSON.
    #[must_use]
    pub const fn or(mut self, default: &'static str) -> Key {
        self.default = Some(default);
        self
    }
}
