//! Serde for days in JSON, as text.

/// A day as text.
pub(crate) mod day {
    use log2aws_core::day::Day;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(day)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<Day, D::Error> {
        String::deserialize(de)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Days as text.
pub(crate) mod days {
    use log2aws_core::day::Day;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(days: &[Day], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(days.iter().map(ToString::to_string))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<Vec<Day>, D::Error> {
        let days = Vec::<String>::deserialize(de)?;
        days.iter().map(|day| day.parse().map_err(serde::de::Error::custom)).collect()
    }
}
