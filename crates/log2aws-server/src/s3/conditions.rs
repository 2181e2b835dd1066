//! Conditional requests (RFC 9110 §13), as S3 supports them.

use std::time::SystemTime;

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The entity tags of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntityTags {
    /// `*`: any object.
    Any,
    /// One of these.
    List(Vec<EntityTag>),
}

/// An entity tag without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag {
    weak: bool,
    value: String,
}

impl EntityTags {
    /// Parses one field, which may span several lines; `None` if there is none.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut lines = headers.get_all(name).iter().peekable();
        lines.peek()?;
        let text: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        Some(Self::parse(&text.join(",")))
    }

    /// Parses a list of tags. Tags without quotes are accepted, because some clients send them.
    fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        let mut tags = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Self::List(tags);
            }
            let weak = rest.strip_prefix("W/");
            rest = weak.unwrap_or(rest);
            let weak = weak.is_some();
            let quoted = rest.strip_prefix('"').and_then(|inner| inner.split_once('"'));
            let (value, behind) =
                quoted.unwrap_or_else(|| rest.split_once(',').unwrap_or((rest, "")));
            tags.push(EntityTag { weak, value: value.trim().to_owned() });
            rest = behind;
        }
    }

    /// Whether one of them matches this entity tag strongly; a weak tag never does.
    pub(crate) fn match_strongly(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().any(|tag| !tag.weak && tag.value == etag),
        }
    }

    fn match_weakly(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().any(|tag| tag.value == etag),
        }
    }
}

/// The conditions of a read request.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadConditions {
    matches: Option<EntityTags>,
    none_match: Option<EntityTags>,
    modified_since: Option<SystemTime>,
    unmodified_since: Option<SystemTime>,
}

/// What to do with a read request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is served.
    Proceed,
    /// The client already has the object: 304.
    NotModified,
    /// The object does not match: 412.
    Failed,
}

impl ReadConditions {
    /// Parses the headers. Invalid dates are ignored, as RFC 9110 requires.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let date = |name| headers.get(name).and_then(read_date);
        Self {
            matches: EntityTags::of(headers, &IF_MATCH),
            none_match: EntityTags::of(headers, &IF_NONE_MATCH),
            modified_since: date(IF_MODIFIED_SINCE),
            unmodified_since: date(IF_UNMODIFIED_SINCE),
        }
    }

    /// RFC 9110 §13.2.2: entity tags have precedence over dates. `modified` has whole seconds, like
    /// HTTP dates.
    pub(crate) fn check(&self, etag: &str, modified: SystemTime) -> Outcome {
        let failed = match (&self.matches, &self.unmodified_since) {
            (Some(tags), _) => !tags.match_strongly(etag),
            (None, Some(since)) => modified > *since,
            (None, None) => false,
        };
        let unchanged = match (&self.none_match, &self.modified_since) {
            (Some(tags), _) => tags.match_weakly(etag),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        match (failed, unchanged) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::NotModified,
            (false, false) => Outcome::Proceed,
        }
    }
}

/// Whether a `Range` applies: without `If-Range` always, otherwise if it matches this version.
pub(crate) fn range_applies(headers: &HeaderMap, etag: &str, modified: SystemTime) -> bool {
    let Some(condition) = headers.get(IF_RANGE) else { return true };
    match read_date(condition) {
        Some(date) => date == modified,
        None => EntityTags::of(headers, &IF_RANGE)
            .is_some_and(|tags| tags != EntityTags::Any && tags.match_strongly(etag)),
    }
}

/// A date in one of HTTP's three forms.
pub(crate) fn read_date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags_are_read_as_http_writes_them() {
        let tag = |weak, value: &str| EntityTag { weak, value: value.to_owned() };
        for (text, tags) in [
            ("\"a\"", vec![tag(false, "a")]),
            ("\"a\", W/\"b\" ,\"c,d\"", vec![tag(false, "a"), tag(true, "b"), tag(false, "c,d")]),
            ("a, b", vec![tag(false, "a"), tag(false, "b")]),
            ("\"\"", vec![tag(false, "")]),
            ("\"open", vec![tag(false, "\"open")]),
            (" , ,", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(EntityTags::parse(text), EntityTags::List(tags), "{text}");
        }
        assert_eq!(EntityTags::parse(" * "), EntityTags::Any);
    }
}
