//! Each format of a line, each way to be wrong, and the round trip.

mod columns;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::csv::{CSV_COLUMNS, CSV_HEADER};
use crate::sample::{Sample, VMSTAT_COLUMNS, is_guest_time};

const LOG: &str = include_str!("../../../../testdata/forms.log");
const CSV: &str = include_str!("../../../../testdata/forms.csv");

const HEAD: &str =
    "2019-08-01 00:00:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70";
const TAIL: &str = "124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0";

fn read(line: &str) -> Result<(String, Line), LineError> {
    let mut csv = Vec::new();
    let line = Line::read(line.as_bytes(), &mut csv)?;
    Ok((String::from_utf8(csv).unwrap(), line))
}

fn sample(line: &str) -> Sample {
    let (csv, line) = read(line).unwrap();
    Row::new(csv.as_bytes(), line).sample()
}

fn refused(line: &str) -> String {
    read(line).unwrap_err().to_string()
}

#[test]
fn every_form_becomes_its_row() {
    let (header, rows) = CSV.split_once('\n').unwrap();
    assert_eq!(header, CSV_HEADER);
    assert_eq!(LOG.lines().count(), rows.lines().count());
    for (line, row) in LOG.lines().zip(rows.lines()) {
        assert_eq!(read(line).map(|read| read.0).as_deref(), Ok(row), "{line}");
    }
}

#[test]
fn uptimes_are_seconds() {
    let day = 86_400;
    let cases = [
        ("45 days, 20:04", 45 * day + 20 * 3600 + 4 * 60),
        ("1 day, 3 min", day + 180),
        ("1 day 10:51", day + 10 * 3600 + 51 * 60),
        ("20:04", 20 * 3600 + 4 * 60),
        ("01:27", 3600 + 27 * 60),
        ("24:00", day),
        ("1 day, 60 min", day + 3600),
        ("60 min", 3600),
        ("5 min", 300),
        ("24 secs", 24),
    ];
    for (uptime, seconds) in cases {
        let line = format!("{HEAD} {TAIL}").replace("45 days, 20:04", uptime);
        assert_eq!(sample(&line).uptime_seconds, Some(seconds), "{uptime}");
    }
}

#[test]
fn numbers_are_those_of_the_line() {
    let tail = TAIL.replace(" 60 2 0", " 53 2 0");
    let sample = sample(&format!("{HEAD} {tail} 7"));
    assert_eq!(sample.time, date(2019, 8, 1).at(0, 0, 1, 0));
    assert_eq!(sample.users, Some(1));
    assert_eq!(sample.load.map(f64::to_bits), [25.06, 22.63, 21.70_f64].map(f64::to_bits));
    let values: Vec<u64> = tail.split(' ').map(|value| value.parse().unwrap()).collect();
    assert_eq!(sample.vmstat.map(Option::unwrap).as_slice(), values);
    assert_eq!(sample.guest, Some(7));
}

#[test]
fn what_a_line_lacks_is_no_zero() {
    let line = format!("{HEAD} {}", TAIL.strip_suffix(" 0").unwrap()).replace(" 1 user,", "");
    let sample = sample(&line);
    assert_eq!(sample.users, None);
    assert_eq!((sample.vmstat[15], sample.vmstat[16], sample.guest), (Some(2), None, None));
}

#[test]
fn each_fault_is_named() {
    let cases = [
        ("2019-08-01", "2019-02-30", "date 2019-02-30 does not exist"),
        ("2019-08-01", "2019-8-1", "expected a date written YYYY-MM-DD, found \"2019-8-1\""),
        ("2019-08-01", "2019/08/01", "expected a date written YYYY-MM-DD, found \"2019/08/01\""),
        ("00:00:01", "24:00:00", "time 24:00:00 does not exist"),
        ("00:00:01", "23:59:60", "time 23:59:60 does not exist"),
        ("00:00:01", "0:00:01", "expected a time written HH:MM:SS, found \"0:00:01\""),
        (
            " up ",
            " down ",
            "expected \"up\" after the time, found \"down\"; if that is another language, set LC_ALL=C for uptime",
        ),
        (
            "45 days, 20:04",
            "45 weeks",
            "expected an uptime such as \"45 days, 20:04\", \"20:04\" or \"5 min\", found \"45 weeks\"; if that is another language, set LC_ALL=C for uptime",
        ),
        (
            "45 days, 20:04",
            "45 days",
            "expected an uptime such as \"45 days, 20:04\", \"20:04\" or \"5 min\", found \"45 days, 1 user\"",
        ),
        (
            "20:04",
            "20:64",
            "expected an uptime such as \"45 days, 20:04\", \"20:04\" or \"5 min\", found \"45 days, 20:64, 1\"",
        ),
        (
            "1 user",
            "one user",
            "expected \"N users\" or \"load average:\" after the uptime, found \"one\"; if that is another language, set LC_ALL=C for uptime",
        ),
        (
            "1 user",
            "1 guest",
            "expected \"N users\" or \"load average:\" after the uptime, found \"1 guest\"; if that is another language, set LC_ALL=C for uptime",
        ),
        ("load average:", "load:", "expected \"load average:\" after the users, found \"load:\""),
        (", 21.70", "", "expected 3 load averages, found 2"),
        ("25.06, 22.63, 21.70", "", "expected 3 load averages, found 0"),
        ("22.63", "nan", "expected a load average such as 0.24, found \"nan,\""),
        ("22.63", "22.", "expected a load average such as 0.24, found \"22.,\""),
        ("25.06, 22.63,", "25 22.63", "expected 3 load averages, found 0"),
        ("22.63, 21.70", "22.63 21", "expected 3 load averages, found 2"),
        ("21.70", "21.7.0", "expected a load average such as 0.24, found \".0\""),
        (
            "22.63",
            "12345678901234.56",
            "expected a load average such as 0.24, found \"12345678901234.56,\"",
        ),
        (
            "45 days",
            "1234567890 days",
            "expected an uptime such as \"45 days, 20:04\", \"20:04\" or \"5 min\", found \"1234567890 days\"",
        ),
        ("22.63", "-22.63", "expected a load average such as 0.24, found \"-22.63,\""),
        (" 2 0", "", "expected 16, 17 or 18 vmstat columns, found 15"),
        (" 2 0", " 2 0 0 0", "expected 16, 17 or 18 vmstat columns, found 19"),
        ("8428556 0 0", "8428556 -1 0", "vmstat column si is \"-1\", which is not a whole number"),
        (" 60 2", " 60\r 2", "vmstat column id is \"60\\r\", which is not a whole number"),
        (
            TAIL,
            "r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st",
            "vmstat printed its header without numbers; vmstat failed on this machine",
        ),
        (
            " 1 user,",
            " 1 utilisateur,",
            "expected \"N users\" or \"load average:\" after the uptime, found \"1 utilisateur\"; if that is another language, set LC_ALL=C for uptime",
        ),
        (
            "load average:",
            "charge moyenne :",
            "expected \"load average:\" after the users, found \"charge\"; if that is another language, set LC_ALL=C for uptime",
        ),
        (
            "1852",
            "9007199254740992.0g",
            "number 9007199254740992.0g is larger than 18446744073709551615",
        ),
        ("1852", "1.85k5", "vmstat column bi is \"1.85k5\", which is not a whole number"),
        ("379918752", "379918k", "vmstat column free is \"379918k\", which is not a whole number"),
        (
            "379918752",
            "18446744073709551616",
            "number 18446744073709551616 is larger than 18446744073709551615",
        ),
    ];
    let whole = format!("{HEAD} {TAIL}");
    for (right, wrong, reason) in cases {
        assert!(whole.contains(right), "{right}");
        assert_eq!(refused(&whole.replacen(right, wrong, 1)), reason);
    }
    assert_eq!(refused(HEAD), "expected 16, 17 or 18 vmstat columns, found 0");
    let utf16: String = whole.chars().flat_map(|c| [c, '\0']).collect();
    assert_eq!(
        refused(&utf16),
        "the line is UTF-16 text; a log must be UTF-8 (in PowerShell: Out-File -Encoding utf8)"
    );
    assert_eq!(refused(""), "expected a date written YYYY-MM-DD, found \"\"");
}

#[test]
fn a_fault_leaves_the_output_as_it_was() {
    let mut csv = b"before".to_vec();
    assert!(Line::read(format!("{HEAD} {TAIL} x").as_bytes(), &mut csv).is_err());
    assert_eq!(csv, b"before");
}

/// Every sample that [`compose`] can write.
fn any_sample() -> impl Strategy<Value = Sample> {
    let time = (0..3_000_000_i64, 0..86_400_i64).prop_map(|(day, second)| {
        let span = jiff::Span::new().days(day).seconds(second);
        date(0, 1, 1).at(0, 0, 0, 0).checked_add(span).unwrap()
    });
    let load = (0..1_000_000_u32).prop_map(|hundredths| f64::from(hundredths) / 100.0);
    let last = prop_oneof![
        Just((None, None)),
        any::<u64>().prop_map(|st| (Some(st), None)),
        any::<u64>().prop_map(|st| (Some(st), Some(0))),
        (0..40_u64, 0..100_u64).prop_map(|(st, guest)| (Some(st), Some(guest))),
    ];
    let minutes = prop_oneof![0..1440_u64, 0..1_000_000_u64];
    (
        time,
        minutes,
        any::<Option<u64>>(),
        [load.clone(), load.clone(), load],
        (any::<[u64; 12]>(), prop_oneof![any::<[u64; 4]>(), [0..40_u64, 0..40, 0..40, 0..40]])
            .prop_map(|(columns, shares)| [columns.as_slice(), &shares].concat()),
        last,
    )
        .prop_map(|(time, minutes, users, load, values, (st, guest))| {
            let mut vmstat = [None; VMSTAT_COLUMNS];
            for (column, value) in vmstat.iter_mut().zip(values) {
                *column = Some(value);
            }
            vmstat[VMSTAT_COLUMNS - 1] = st;
            let guest = guest.filter(|guest| is_guest_time(&vmstat, *guest));
            Sample { time, uptime_seconds: Some(minutes * 60), users, load, vmstat, guest }
        })
}

proptest! {
    #[test]
    fn what_is_composed_reads_back(expected in any_sample()) {
        let line = compose(&expected).unwrap();
        prop_assert_eq!(sample(&line), expected, "{}", line);
    }

    #[test]
    fn loads_are_the_nearest_floats(units in 0..10_000_000_000_u64, decimals in "[0-9]{1,5}") {
        let text = format!("{units}.{decimals}");
        let line = format!("{HEAD} {TAIL}").replace("22.63", &text);
        prop_assert_eq!(sample(&line).load[1].to_bits(), text.parse::<f64>().unwrap().to_bits());
    }

    #[test]
    fn any_bytes_give_23_cells_or_a_reason(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut csv = Vec::new();
        match Line::read(&line, &mut csv) {
            Ok(_) => prop_assert_eq!(csv.split(|b| *b == b',').count(), CSV_COLUMNS),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn composed_lines_look_as_servers_write_them() {
    let mut numbers = sample(&format!("{HEAD} {TAIL}"));
    assert_eq!(compose(&numbers).unwrap(), format!("{HEAD} {TAIL}"));
    let heads = [
        (20 * 3600 + 4 * 60, "up 20:04, 1 user,"),
        (3 * 3600 + 4 * 60 + 59, "up 3:04, 1 user,"),
        (59, "up 0 min, 1 user,"),
        (300, "up 5 min, 1 user,"),
        (86_400, "up 1 day, 0 min, 1 user,"),
        (2 * 86_400 + 3600, "up 2 days, 1:00, 1 user,"),
    ];
    for (seconds, head) in heads {
        numbers.uptime_seconds = Some(seconds);
        assert!(compose(&numbers).unwrap().contains(head), "{head}");
    }
    numbers.users = None;
    assert!(compose(&numbers).unwrap().contains("up 2 days, 1:00, load average: 25.06,"));
}

#[test]
fn what_the_form_cannot_hold_is_refused() {
    let numbers = sample(&format!("{HEAD} {TAIL}"));
    let with = |change: fn(&mut Sample)| {
        let mut changed = numbers.clone();
        change(&mut changed);
        compose(&changed).unwrap_err()
    };
    assert_eq!(with(|s| s.vmstat[0] = None), ComposeError::Missing("r"));
    assert_eq!(
        with(|s| (s.vmstat[16], s.guest) = (None, Some(1))),
        ComposeError::Missing("st"),
        "guest time would stand in its place"
    );
    assert!(matches!(with(|s| s.load[2] = f64::NAN), ComposeError::Load(_)));
    assert_eq!(with(|s| s.load[0] = -0.01), ComposeError::Load(-0.01));
    assert_eq!(with(|s| s.load[0] = 1e13), ComposeError::Load(1e13));
    assert_eq!(with(|s| s.uptime_seconds = Some(u64::MAX)), ComposeError::Uptime(u64::MAX));
    assert_eq!(with(|s| s.time = date(-1, 1, 1).at(0, 0, 0, 0)), ComposeError::Year(-1));
}

/// Lines in the usual format and, one change away from it, of every other kind.
fn any_usual_line() -> impl Strategy<Value = String> {
    let number = || {
        prop_oneof![
            4 => Just("0".to_owned()),
            4 => "[0-9]{1,3}",
            4 => "[0-9]{1,10}",
            2 => "[0-9]{18,21}",
            1 => "(-|[0-9]{1,4}[kmg]|[0-9]\\.[0-9][kmg])",
        ]
    };
    let uptime = "(([0-9]{1,8} days|1 day),? )?([0-9]{1,2}:[0-9]{2}|24:00|[0-9]{1,2} min)|\\?|\\?{4} days \\?\\?:\\?\\?";
    let head = (
        "2019-0[1-3]-[0-3][0-9] [0-2][0-9]:[0-6][0-9]:[0-6][0-9] up ",
        uptime,
        "(, ([0-9]{1,2}|\\?) users?)?, load average:",
        prop_oneof![
            4 => "( [0-9]{1,3}\\.[0-9]{1,2},){2} [0-9]{1,8}\\.[0-9]{2,8}",
            1 => "( [0-9]{1,3}(\\.[0-9]{1,2})?,){2} [0-9]{1,3}",
            1 => "( [0-9],[0-9]{2},){2} [0-9],[0-9]{2}",
        ],
    );
    let stamp = prop_oneof![4 => Just(String::new()), 1 => " 2023-0[1-3]-[0-3][0-9] 10:27:12"];
    (head, proptest::collection::vec(number(), 15..20), stamp)
        .prop_map(|((a, b, c, d), values, e)| format!("{a}{b}{c}{d} {}{e}", values.join(" ")))
}

fn any_change(line: String) -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        Just(Vec::new()),
        Just(b" ".to_vec()),
        proptest::collection::vec(any::<u8>(), 1..3)
    ];
    (Just(line.into_bytes()), any::<prop::sample::Index>(), 0..3_usize, bytes).prop_map(
        |(mut line, at, removed, bytes)| {
            let at = at.index(line.len());
            let end = line.len().min(at + removed);
            line.splice(at..end, bytes);
            line
        },
    )
}

fn readers_agree(line: &[u8]) -> Result<bool, TestCaseError> {
    let mut csv = Vec::new();
    let general = general::read(line, &mut csv);
    let mut reader = CanonicalReader::default();
    let quick = reader.read(line);
    if let Some((cells, read)) = quick {
        prop_assert_eq!(general, Ok(read));
        prop_assert_eq!(cells, csv);
    }
    Ok(quick.is_some())
}

/// Changes one byte at each position in turn.
#[test]
fn the_quick_reader_agrees_after_every_small_change() {
    let line = format!("{HEAD} {TAIL}");
    let short = line.replace("45 days, 20:04", "5 min");
    for line in [line.as_str(), &short, &line[..line.len() - 2], &format!("{line} 12")] {
        for at in 0..line.len() {
            let mut bytes = line.as_bytes().to_vec();
            bytes.remove(at);
            readers_agree(&bytes).unwrap();
            for byte in *b" \t\r,.:-+0129/;ds\x00\xb0\xff" {
                bytes.insert(at, byte);
                readers_agree(&bytes).unwrap();
                bytes.insert(at + 1, line.as_bytes()[at]);
                readers_agree(&bytes).unwrap();
                bytes.drain(at..at + 2);
            }
        }
        for byte in *b" \t0x" {
            readers_agree(&[line.as_bytes(), &[byte]].concat()).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_quick_reader_agrees_with_the_general_one(line in any_usual_line()) {
        readers_agree(line.as_bytes())?;
    }

    #[test]
    fn and_also_one_change_away(line in any_usual_line().prop_flat_map(any_change)) {
        readers_agree(&line)?;
    }
}

#[test]
fn the_quick_reader_reads_what_servers_write() {
    let usual = |line: &str| readers_agree(line.as_bytes()).unwrap();
    let line = format!("{HEAD} {TAIL}");
    assert!(usual(&line) && usual(&format!("{line} 12")));
    assert!(usual(line.strip_suffix(" 0").unwrap()));
    for uptime in ["1 day, 3 min", "400 days, 3:09", "20:04", "5 min"] {
        assert!(usual(&line.replace("45 days, 20:04", uptime)), "{uptime}");
    }
    for columns in [TAIL.replace("379918752", "9999999999999999999"), TAIL.replace(' ', " 1")] {
        assert!(usual(&format!("{HEAD} {columns}")));
    }
    for declined in
        [line.replace(" 8428556", "  8428556"), line.replace("379918752", "00000000000000000001")]
    {
        assert!(!usual(&declined));
    }
}
