//! The validity of a certificate, like `openssl x509 -dates`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The two dates of a certificate in DER. `None` if they cannot be found: clients verify the
/// certificate, and this is only for a timely warning.
pub(crate) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (signed, _) = value(certificate, SEQUENCE)?;
    // The first version has no version field.
    let rest = value(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_serial, rest) = value(rest, INTEGER)?;
    let (_algorithm, rest) = value(rest, SEQUENCE)?;
    let (_issuer, rest) = value(rest, SEQUENCE)?;
    let (dates, _) = value(rest, SEQUENCE)?;
    let (from, rest) = time(dates)?;
    let (until, _) = time(rest)?;
    Some((from, until))
}

/// The first value in `bytes`, which must be of this kind, and what follows it.
fn value(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == kind).then(|| rest.split_at_checked(length))?
}

/// A date: with a two-digit year up to 2049, with four digits later.
fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest, century) = match value(bytes, UTC_TIME) {
        Some((text, rest)) => {
            let century = if text.first()? < &b'5' { "20" } else { "19" };
            (text, rest, century)
        }
        None => value(bytes, GENERALIZED_TIME).map(|(text, rest)| (text, rest, ""))?,
    };
    let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
    let date = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some((date.to_zoned(TimeZone::UTC).ok()?.timestamp(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_dates_of_any_century() {
        for (from, until) in [((1999, 12, 31), (2026, 2, 28)), ((2024, 2, 29), (2150, 1, 1))] {
            let (first, last) = validity(&made(from, until)).unwrap();
            let date = |(year, month, day)| format!("{year}-{month:02}-{day:02}T00:00:00Z");
            assert_eq!((first.to_string(), last.to_string()), (date(from), date(until)));
        }
    }

    #[test]
    fn bytes_that_are_cut_off_are_no_certificate() {
        let made = made((2020, 1, 1), (2030, 1, 1));
        // The dates are in the first half; every cut before their end is detected.
        let needed = (0..=made.len()).find(|length| validity(&made[..*length]).is_some());
        assert_eq!(needed, Some(made.len()), "a part was taken for the whole");
        for length in 0..made.len() {
            assert_eq!(validity(&made[..length]), None);
        }
        assert_eq!(validity(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
