//! The text of the pages in each language.
//!
//! Every text is defined once with all its translations side by side, so that none can be
//! forgotten. Braces are placeholders for [`fill`].

#[macro_use]
mod findings;
mod reasons;
mod table;

use std::fmt::Display;

use jiff::civil::Date;
use log2aws_core::chart::Language;

pub(crate) use reasons::reason;
pub(crate) use table::Words;

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static Words {
    match language {
        Language::En => &table::EN,
        Language::Ja => &table::JA,
    }
}

/// Fills the placeholders. One without a value stays as it is; values are inserted literally.
pub(crate) fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut said = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        said.push_str(before);
        let place = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        if let Some((value, after)) = place {
            said.push_str(&value.to_string());
            rest = after;
        } else {
            said.push('{');
            rest = after;
        }
    }
    said.push_str(rest);
    said
}

/// Singular or plural; languages without a plural have two equal texts.
pub(crate) fn count(n: u64, [one, many]: [&str; 2]) -> String {
    fill(if n == 1 { one } else { many }, &[("n", &n)])
}

impl Words {
    /// Several short texts in one line; those that are absent are left out.
    pub(crate) fn list(&self, parts: impl IntoIterator<Item = Option<String>>) -> String {
        let comma = match self.language {
            Language::En => ", ",
            Language::Ja => "、",
        };
        parts.into_iter().flatten().collect::<Vec<_>>().join(comma)
    }

    /// From one to the other.
    pub(crate) fn span(&self, from: &str, till: &str) -> String {
        match self.language {
            Language::En => format!("{from}–{till}"),
            Language::Ja => format!("{from}～{till}"),
        }
    }

    /// The two-letter abbreviation of the day of the week.
    pub(crate) fn weekday(&self, date: Date) -> &'static str {
        let names = [self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun];
        names[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs().min(6))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the placeholders, in order.
    fn places(text: &str) -> Vec<&str> {
        let mut names: Vec<_> =
            text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn every_word_exists_in_both_languages() {
        for (name, en, ja) in table::ALL {
            assert!(!en.trim().is_empty() && !ja.trim().is_empty(), "{name}");
            assert_eq!(places(en), places(ja), "{name}");
            let japanese = ja.chars().any(|c| ('\u{3040}'..='\u{9fff}').contains(&c));
            assert!(japanese || en == ja, "{name} is not translated: {ja}");
            assert!(en.is_ascii() || en.chars().all(|c| "…–·’日本語".contains(c) || c.is_ascii()));
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let said = fill("{a} of {b} {c}", &[("a", &"{b}"), ("b", &7)]);
        assert_eq!(said, "{b} of 7 {c}");
        assert_eq!(fill("a { b", &[]), "a { b");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(count(1, ["{n} reboot", "{n} reboots"]), "1 reboot");
        assert_eq!(count(0, ["{n} reboot", "{n} reboots"]), "0 reboots");
    }

    #[test]
    fn the_week_begins_on_monday() {
        let day = jiff::civil::date(2026, 11, 24);
        assert_eq!(of(Language::En).weekday(day), "Tue");
        assert_eq!(of(Language::Ja).weekday(day), "火");
    }
}
