//! Queries: the state of a page in its URL.

use std::fmt::Display;

use log2aws_core::chart::{SeriesId, Time, View, Window};
use log2aws_core::day::{Day, DayText};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::i18n::{Words, fill};

/// Characters that need no escape in a query, besides letters and digits.
const UNESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How many characters of the caller's text an error message repeats.
const MAX_ECHO_CHARS: usize = 60;

/// The highest load that a scale may be asked to have room for.
const MAX_LOAD: usize = 10_000_000;

/// A text as part of a query.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNESCAPED).to_string()
}

/// A parsed query: its pairs in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses a query as forms send it. `None` if an escape is not UTF-8.
    pub(crate) fn parse(query: &str) -> Option<Self> {
        let decoded = |part: &str| {
            let plain = part.replace('+', " ");
            percent_decode_str(&plain).decode_utf8().ok().map(String::from)
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        Some(Self(pairs.collect::<Option<_>>()?))
    }

    /// The first value of a name; an empty form field counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.trim())
    }

    /// All values of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let wanted = move |(known, value): &&(String, String)| known == name && !value.is_empty();
        self.0.iter().filter(wanted).map(|(_, value)| value.trim())
    }

    /// A day, in full or as seen from `today`: see [`day_from`].
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn day(&self, name: &str, today: Day, w: &Words) -> Result<Option<Day>, String> {
        self.get(name).map(|text| day_from(text, today, w)).transpose()
    }

    /// A number within a range.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn number(
        &self,
        name: &str,
        (least, most): (usize, usize),
        w: &Words,
    ) -> Result<Option<usize>, String> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(fill(
                w.bad_number,
                &[("given", &echo_excerpt(text)), ("least", &least), ("most", &most)],
            )),
        }
    }

    /// The view of a day: `from`, `till`, and `hide`; or `show` for each visible series if `series`
    /// is present, because a form does not send unticked boxes.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn view(&self, w: &Words) -> Result<View, String> {
        let time = |name, otherwise| match self.get(name) {
            None => Ok(otherwise),
            Some(text) => {
                let padded = if text.len() == 4 { format!("0{text}") } else { text.to_owned() };
                padded
                    .parse::<Time>()
                    .map_err(|_| fill(w.bad_time, &[("given", &echo_excerpt(text))]))
            }
        };
        let (from, till) = (time("from", Time::START)?, time("till", Time::END)?);
        let window = Window::new(from, till)
            .map_err(|_| fill(w.bad_window, &[("from", &from), ("till", &till)]))?;
        let series = |name| {
            let ids = self.all(name).flat_map(|text| text.split(',')).filter(|id| !id.is_empty());
            let id = |id: &str| {
                id.parse::<SeriesId>()
                    .map_err(|_| fill(w.bad_series, &[("given", &echo_excerpt(id))]))
            };
            ids.map(id).collect::<Result<Vec<_>, _>>()
        };
        let (shown, mut hidden) = (series("show")?, series("hide")?);
        if self.is_form() {
            hidden = SeriesId::ALL.iter().copied().filter(|id| !shown.contains(id)).collect();
        }
        let window = Some(window).filter(|window| !window.is_whole());
        let load_up_to = self.number("load", (1, MAX_LOAD), w)?;
        let load_up_to = load_up_to.and_then(|load| u32::try_from(load).ok());
        let embedded = self.get("embedded").is_some();
        Ok(View { window, hidden, language: w.language, load_up_to, embedded })
    }

    /// Whether it comes from the form above a chart; the canonical form is shorter.
    pub(crate) fn is_form(&self) -> bool {
        self.get("series").is_some()
    }
}

/// Parses a day.
///
/// # Errors
/// One sentence.
pub(crate) fn day(text: &str, w: &Words) -> Result<Day, String> {
    text.parse().map_err(|_| fill(w.bad_date, &[("given", &echo_excerpt(text))]))
}

/// Parses a day as people write it: see [`DayText`].
///
/// # Errors
/// One sentence.
pub(crate) fn day_from(text: &str, today: Day, w: &Words) -> Result<Day, String> {
    let day = text.parse::<DayText>().ok().and_then(|given| given.on(today));
    day.ok_or_else(|| fill(w.bad_date, &[("given", &echo_excerpt(text))]))
}

/// The beginning of a text, for use in a response.
pub(crate) fn echo_excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_ECHO_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Builds a URL with a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link(String);

impl Link {
    /// A link to a path, which needs no escape.
    pub(crate) fn to(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Adds a pair.
    pub(crate) fn with(self, name: &str, value: impl Display) -> Self {
        self.bare(name, &encode(&value.to_string()))
    }

    /// Adds a pair if there is a value.
    pub(crate) fn with_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds the view of a day. Colons and commas are allowed unescaped in a query, and are easier
    /// to read.
    pub(crate) fn with_view(mut self, view: &View) -> Self {
        if let Some(window) = view.window {
            let (from, till) = (window.from().to_string(), window.till().to_string());
            self = self.bare("from", &from).bare("till", &till);
        }
        if !view.hidden.is_empty() {
            let hidden: Vec<_> = view.hidden.iter().map(|id| id.as_str()).collect();
            self = self.bare("hide", &hidden.join(","));
        }
        self.with_some("load", view.load_up_to)
    }

    /// Adds a pair whose value needs no escape.
    fn bare(mut self, name: &str, value: &str) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(value);
        self
    }

    /// The link as text.
    pub(crate) fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use log2aws_core::chart::Language;

    use super::*;
    use crate::i18n;

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    fn en() -> &'static Words {
        i18n::of(Language::En)
    }

    #[test]
    fn a_query_is_read_as_forms_send_it() {
        let query = query("q=web+%2A&page=&s=a&s=b&x");
        assert_eq!(query.get("q"), Some("web *"));
        assert_eq!(query.get("page"), None);
        assert_eq!(query.all("s").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Query::parse("q=%ff"), None);
    }

    #[test]
    fn the_view_of_a_link_reads_back() {
        let view = query("from=9:00&till=24:00&hide=load5,st").view(en()).unwrap();
        let link = Link::to("x").with_view(&view).text();
        assert_eq!(link, "x?from=09:00&till=24:00&hide=load5,st");
        assert_eq!(query(link.split_once('?').unwrap().1).view(en()), Ok(view));
        assert_eq!(query("from=00:00&till=24:00").view(en()), Ok(View::default()));
        let scaled = query("load=13").view(en()).unwrap();
        assert_eq!(Link::to("x").with_view(&scaled).text(), "x?load=13");
        assert!(query("load=1e9").view(en()).is_err());
    }

    #[test]
    fn a_form_names_what_is_shown() {
        let view = query("series=1&show=load1&show=us").view(en()).unwrap();
        assert_eq!(view.hidden.len(), SeriesId::ALL.len() - 2);
        let none = query("series=1").view(en()).unwrap();
        assert_eq!(none.hidden.len(), SeriesId::ALL.len());
    }

    #[test]
    fn each_bad_value_is_named() {
        for (text, part) in [
            ("from=25:00", "25:00 is not a time"),
            ("from=12:00&till=11:00", "The end (11:00) must be after"),
            ("hide=load2", "load2 is not the name"),
            ("from=%3Cb%3E", "<b> is not a time"),
        ] {
            let error = query(text).view(en()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(query("days=0").number("days", (1, 92), en()).unwrap_err().contains("1 to 92"));
        assert_eq!(query("days=92").number("days", (1, 92), en()), Ok(Some(92)));
    }

    #[test]
    fn a_day_is_read_as_people_write_it() {
        let today: Day = "2026-11-24".parse().unwrap();
        let read = |text: &str| day_from(text, today, en());
        for (text, date) in [
            ("2026-11-29", "2026-11-29"),
            ("11-24", "2026-11-24"),
            ("11-25", "2025-11-25"),
            ("1-2", "2026-01-02"),
            ("02-29", "2024-02-29"),
            ("today", "2026-11-24"),
            ("Yesterday", "2026-11-23"),
            ("昨日", "2026-11-23"),
            ("-7d", "2026-11-17"),
            ("-0d", "2026-11-24"),
            ("-400d", "2025-10-20"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), date, "{text}");
        }
        for text in
            ["2026-02-30", "13-01", "02-30", "-d", "--7d", "-70000d", "+7d", "11-", "-", "1-2-3"]
        {
            assert!(read(text).unwrap_err().contains(text), "{text}");
        }
        let first: Day = "0000-01-01".parse().unwrap();
        assert!(day_from("-7d", first, en()).is_err());
    }

    #[test]
    fn what_is_repeated_is_short() {
        assert_eq!(echo_excerpt(&"あ".repeat(500)).chars().count(), MAX_ECHO_CHARS + 1);
    }
}
