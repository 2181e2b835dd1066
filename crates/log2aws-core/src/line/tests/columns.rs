//! Columns of `vmstat` besides the usual whole numbers.

use super::*;

/// The 18th number is guest time only where the shares of CPU are incomplete without it.
#[test]
fn an_own_column_is_no_guest_time() {
    let shares = |shares: &str| {
        let (columns, _) = TAIL.split_at(TAIL.find(" 26 12").unwrap());
        sample(&format!("{HEAD} {columns} {shares}")).guest
    };
    for (columns, guest) in [
        ("10 10 40 2 0 38", Some(38)),
        ("1 1 97 0 0 1", Some(1)),
        ("0 0 99 0 0 0", Some(0)),
        ("26 12 60 2 0 0", Some(0)),
        ("10 9 39 2 0 35", Some(35)),
        ("26 12 60 2 0 312", None),
        ("26 12 60 2 0 3", None),
        ("26 12 61 2 0 3", None),
        ("10 10 40 2 0 312", None),
        ("10 10 40 2 0 3", None),
        ("10 10 40 2 - 38", None),
        ("10 10 40 2 0 -", None),
        ("10 10 40 2 0 18446744073709551615", None),
        ("0 0 0 0 18446744073709551615 38", None),
    ] {
        assert_eq!(shares(columns), guest, "{columns}");
    }
}

#[test]
fn a_shortened_number_is_a_whole_one_and_told() {
    for (text, value) in
        [("657k", 672_768), ("2.3m", 2_411_725), ("4.1g", 4_402_341_478), ("0.1k", 102), ("0k", 0)]
    {
        let (csv, line) = read(&format!("{HEAD} {}", TAIL.replace("1852", text))).unwrap();
        assert!(line.rounded);
        assert_eq!(Row::new(csv.as_bytes(), line).sample().vmstat[8], Some(value), "{text}");
    }
    assert!(!read(&format!("{HEAD} {TAIL}")).unwrap().1.rounded);
}

#[test]
fn vmstats_own_time_is_dropped_and_counts_as_columns() {
    for (columns, count) in [(TAIL.strip_suffix(" 0").unwrap(), 18), (TAIL, 19)] {
        let line = format!("{HEAD} {columns}");
        let (stamped, read_stamped) = read(&format!("{line} 2023-01-24 10:27:12")).unwrap();
        assert_eq!(stamped, read(&line).unwrap().0);
        assert_eq!(read_stamped.columns, count);
        for wrong in
            ["2023-01-24", "2023-01-24 10:27", "10:27:12 2023-01-24", "2023-02-30 10:27:12"]
        {
            assert!(read(&format!("{line} {wrong}")).is_err(), "{wrong}");
        }
    }
}
