//! Which part of a day is drawn, and in which language.

use std::fmt;
use std::str::FromStr;

use crate::excerpt::excerpt;

/// The language of the words in a drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

/// Which part of a day is drawn. The default is the whole day with every series, in English.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The part of the day; `None` is the whole day.
    pub window: Option<Window>,
    /// The series to leave out. A panel without series is left out too.
    pub hidden: Vec<SeriesId>,
    /// The language of the text.
    pub language: Language,
    /// A load that the scale of the load has room for at least, so that several charts have the
    /// same scale.
    pub load_up_to: Option<u32>,
    /// Whether it is a part of a page: that has a head of its own, and may stretch the drawing, so
    /// the drawing has no head and every point.
    pub embedded: bool,
}

/// A time of day to the minute, `00:00` to `24:00`, in clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u16);

/// A part of a day.
///
/// Invariant: it begins before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    from: Time,
    till: Time,
}

/// Why a text does not parse as part of a [`View`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// Not a [`Time`].
    #[error("time {0:?} is not written HH:MM, from 00:00 to 24:00")]
    Time(String),
    /// Not a [`Window`].
    #[error("{from} is not before {till}; a window begins before it ends")]
    Order {
        /// The requested start.
        from: Time,
        /// The requested end.
        till: Time,
    },
    /// Not a [`SeriesId`].
    #[error("series {0:?} is none of {names}", names = names())]
    Series(String),
    /// Not a [`Language`].
    #[error("language {0:?} is neither \"en\" nor \"ja\"")]
    Language(String),
}

impl Language {
    /// The language's tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
        }
    }
}

impl FromStr for Language {
    type Err = ViewError;

    fn from_str(text: &str) -> Result<Self, ViewError> {
        match text {
            "en" => Ok(Self::En),
            "ja" => Ok(Self::Ja),
            _ => Err(ViewError::Language(excerpt(text))),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl View {
    /// Whether a series is left out.
    pub(super) fn hides(&self, series: SeriesId) -> bool {
        self.hidden.contains(&series)
    }
}

impl Time {
    /// The start of a day.
    pub const START: Self = Self(0);
    /// The end of a day, `24:00`.
    pub const END: Self = Self(24 * 60);

    /// Minutes since midnight in clock time.
    pub fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for Time {
    type Err = ViewError;

    fn from_str(text: &str) -> Result<Self, ViewError> {
        let [h1, h2, b':', m1, m2] = text.as_bytes() else {
            return Err(ViewError::Time(excerpt(text)));
        };
        let digits = [h1, h2, m1, m2];
        if !digits.iter().all(|digit| digit.is_ascii_digit()) || *m1 > b'5' {
            return Err(ViewError::Time(excerpt(text)));
        }
        let [h1, h2, m1, m2] = digits.map(|digit| u16::from(digit - b'0'));
        let minutes = (h1 * 10 + h2) * 60 + m1 * 10 + m2;
        if minutes > Self::END.0 {
            return Err(ViewError::Time(excerpt(text)));
        }
        Ok(Self(minutes))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Window {
    /// The part of a day between two times.
    ///
    /// # Errors
    /// [`ViewError::Order`].
    pub fn new(from: Time, till: Time) -> Result<Self, ViewError> {
        if from < till { Ok(Self { from, till }) } else { Err(ViewError::Order { from, till }) }
    }

    /// Where it begins.
    pub fn from(self) -> Time {
        self.from
    }

    /// Where it ends.
    pub fn till(self) -> Time {
        self.till
    }

    /// Whether it is the whole day.
    pub fn is_whole(self) -> bool {
        self.from == Time::START && self.till == Time::END
    }
}

macro_rules! series {
    ($($name:ident $id:literal $about:literal),* $(,)?) => {
        /// A series of the day's chart, by the name that URLs and `--hide` use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum SeriesId {
            $(#[doc = $about] $name),*
        }

        impl SeriesId {
            /// Every series, from the top of the chart to its bottom.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id),* }
            }
        }
    };
}

series! {
    Load1 "load1" "Load average over 1 minute.",
    Load5 "load5" "Load average over 5 minutes.",
    Load15 "load15" "Load average over 15 minutes.",
    User "us" "CPU: user.",
    System "sy" "CPU: system.",
    Wait "wa" "CPU: waiting for I/O.",
    Stolen "st" "CPU: stolen by the hypervisor.",
    Running "r" "Runnable processes.",
    Blocked "b" "Blocked processes.",
    Free "free" "Free memory.",
    Cache "cache" "Memory used as cache.",
    Buffers "buff" "Memory used as buffers.",
    Swapped "swpd" "Memory swapped out.",
    SwapIn "si" "Swapped in.",
    SwapOut "so" "Swapped out.",
    BlocksIn "bi" "Blocks read.",
    BlocksOut "bo" "Blocks written.",
}

impl FromStr for SeriesId {
    type Err = ViewError;

    fn from_str(text: &str) -> Result<Self, ViewError> {
        let found = Self::ALL.iter().find(|series| series.as_str() == text);
        found.copied().ok_or_else(|| ViewError::Series(excerpt(text)))
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn names() -> String {
    SeriesId::ALL.iter().map(|series| series.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_those_of_a_clock_and_its_end() {
        for text in ["00:00", "09:05", "23:59", "24:00"] {
            assert_eq!(time(text).to_string(), text);
        }
        assert_eq!(time("09:05").minutes(), 545);
        for text in ["24:01", "9:05", "09:60", "0a:00", "-1:00", "", "09:05:00", "⑨:00"] {
            assert_eq!(text.parse::<Time>(), Err(ViewError::Time(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_window_begins_before_it_ends() {
        assert!(Window::new(Time::START, Time::END).unwrap().is_whole());
        let error = Window::new(time("09:00"), time("09:00")).unwrap_err();
        assert_eq!(error.to_string(), "09:00 is not before 09:00; a window begins before it ends");
    }

    #[test]
    fn every_series_and_language_has_its_name() {
        for series in SeriesId::ALL {
            assert_eq!(series.as_str().parse(), Ok(*series));
        }
        let error = "load2".parse::<SeriesId>().unwrap_err().to_string();
        assert!(error.starts_with("series \"load2\" is none of load1, load5, "), "{error}");
        for language in [Language::En, Language::Ja] {
            assert_eq!(language.as_str().parse(), Ok(language));
        }
        assert!("de".parse::<Language>().is_err());
    }
}
