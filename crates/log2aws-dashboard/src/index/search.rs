//! Which servers a search matches, by name or by note.

/// A part of a text or, with `*`, a pattern for the whole text. Case is ignored.
#[derive(Debug)]
pub(crate) struct Search {
    text: String,
    pattern: bool,
}

impl Search {
    pub(crate) fn new(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        Self { pattern: text.contains('*'), text }
    }

    /// Whether it matches every server.
    pub(crate) fn is_for_all(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        if self.is_for_all() {
            return true;
        }
        let name = name.to_lowercase();
        if self.pattern { matches(&self.text, &name) } else { name.contains(&self.text) }
    }
}

/// Whether the pattern matches the whole name.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some((middle, tail)) = rest.rsplit_once('*').or(Some(("", rest))) else { return false };
    let Some(mut name) = name.strip_prefix(head).and_then(|name| name.strip_suffix(tail)) else {
        return false;
    };
    // Matching each part as early as possible leaves the most for the rest.
    middle.split('*').all(|part| match name.find(part) {
        Some(at) => {
            name = &name[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_parts_and_patterns() {
        for (text, name, found) in [
            ("", "web01", true),
            (" ", "web01", true),
            ("EB0", "web01", true),
            ("web", "WEB01", true),
            ("bew", "web01", false),
            ("web*", "web01", true),
            ("web*", "dmz-web01", false),
            ("*web*", "dmz-web01", true),
            ("*01", "web01", true),
            ("*01", "web01.example", false),
            ("w*b*1", "web01", true),
            ("w*1*1", "web01", false),
            ("web01*web01", "web01", false),
            ("**", "web01", true),
            ("本番", "本番DB（主系）", true),
            ("db", "本番DB（主系）", true),
            ("*主系*", "本番DB（主系）", true),
            ("w*e*b*0*1", "web01", true),
            ("w*b*b*1", "web01", false),
        ] {
            assert_eq!(Search::new(text).holds(name), found, "{text:?} {name:?}");
        }
    }
}
