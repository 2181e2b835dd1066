//! The template as a tree: YAML with CloudFormation's functions as `!Name`.

use saphyr_parser::{Event, Parser, Span, Tag};

use super::TemplateError;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A text, a number, `true` or `false`: to CloudFormation they are texts.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
    /// `!Name argument`.
    Call(String, Box<Node>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// The line of the key, from 1.
    pub(crate) line: usize,
    pub(crate) value: Node,
}

impl Node {
    /// Parses a YAML document.
    ///
    /// # Errors
    /// [`TemplateError::Yaml`] with the position.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut reader = Reader { events: Parser::new_from_str(text) };
        loop {
            match reader.next()? {
                (Event::StreamStart | Event::DocumentStart(_), _) => {}
                (event, span) => return reader.node(event, span),
            }
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The entries of a mapping; empty for other nodes.
    pub(crate) fn entries(&self) -> &[Entry] {
        if let Self::Map(entries) = self { entries } else { &[] }
    }

    /// The items of a list; empty for other nodes.
    pub(crate) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), TemplateError> {
        match self.events.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let line = error.marker().line();
                Err(TemplateError::Yaml { line, problem: error.info().to_owned() })
            }
            None => Err(TemplateError::Yaml { line: 0, problem: "it ends too early".to_owned() }),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, TemplateError> {
        let (tag, node) = match event {
            Event::Scalar(text, _, _, tag) => (tag, Node::Text(text.into_owned())),
            Event::SequenceStart(_, tag) => (tag, self.list()?),
            Event::MappingStart(_, tag) => (tag, self.map()?),
            _ => {
                let problem = "only texts, lists and mappings are read here".to_owned();
                return Err(TemplateError::Yaml { line: span.start.line(), problem });
            }
        };
        Ok(match tag.as_deref() {
            Some(Tag { handle, suffix }) if handle == "!" => {
                Node::Call(suffix.clone(), Box::new(node))
            }
            _ => node,
        })
    }

    fn list(&mut self) -> Result<Node, TemplateError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Node::List(items)),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Node, TemplateError> {
        let mut entries = Vec::new();
        loop {
            let (key, line) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Node::Map(entries)),
                (Event::Scalar(key, ..), span) => (key.into_owned(), span.start.line()),
                (_, span) => {
                    let problem = "a key is not a text".to_owned();
                    return Err(TemplateError::Yaml { line: span.start.line(), problem });
                }
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            entries.push(Entry { key, line, value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_calls_and_keys_know_their_line() {
        let node = Node::parse("a: !Sub x-${Env}\nb:\n  - !If [C, {d: 1}, !Ref E]\n").unwrap();
        assert_eq!(
            node.get("a"),
            Some(&Node::Call("Sub".to_owned(), Box::new(Node::Text("x-${Env}".to_owned()))))
        );
        let Some(Node::Call(name, arguments)) = node.get("b").and_then(|b| b.items().first())
        else {
            panic!("{node:?}");
        };
        assert_eq!(name, "If");
        assert_eq!(arguments.items()[1].get("d").and_then(Node::text), Some("1"));
        assert_eq!(node.entries()[1].line, 2);
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        for text in ["a: [", "a: 1\n  b: 2\n: :", "? [x]\n: 1", "a: &x 1\nb: *x"] {
            assert!(matches!(Node::parse(text), Err(TemplateError::Yaml { .. })), "{text}");
        }
    }
}
