//! Properties of every log. `PROPTEST_CASES=100000` in the environment is the long form.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::csv::CSV_COLUMNS;

/// A line as servers write it, of any time and form.
fn any_sample_line() -> impl Strategy<Value = String> {
    let uptime = "( [0-9]{1,3} days,)? ([0-9]:[0-5][0-9]|24:00|[0-9]{1,2} min)| \\?| \\?{4} days \\?\\?:\\?\\?";
    let column = prop_oneof![8 => "[0-9]{1,5}", 1 => "-"];
    let shortened =
        prop_oneof![8 => "[0-9]{1,5}", 1 => "[0-9]{1,3}[kmg]", 1 => "[0-9]\\.[0-9][kmg]"];
    (
        "2019-0[1-9]-[0-2][1-9] [01][0-9]:[0-5][0-9]:[0-5][0-9] up",
        (uptime, ",( ([0-9]|\\?) users,)?"),
        " load average:(( [0-9]{1,2}\\.[0-9]{2},?){3}|( [0-9],[0-9]{2},){3}|( [0-9](\\.[0-9])?,){2} [0-9])",
        (vec(column.clone(), 6), vec(shortened, 6), vec(column, 4..7)),
        "( 2023-01-24 10:27:12)?",
    )
        .prop_map(|(time, (uptime, users), load, (state, rates, shares), stamp)| {
            let columns = [state, rates, shares].concat().join(" ");
            format!("{time}{uptime}{users}{load} {columns}{stamp}")
        })
}

/// Anything that can occur between two line ends.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let sample = any_sample_line().prop_map(String::into_bytes);
    let damaged = (any_sample_line(), any::<Index>(), vec(any::<u8>(), 0..3)).prop_map(
        |(line, at, bytes)| {
            let mut line = line.into_bytes();
            let at = at.index(line.len());
            line.splice(at..=at, bytes);
            line
        },
    );
    let behind_zeros = (any_sample_line(), 1..300_usize)
        .prop_map(|(line, zeros)| [vec![0; zeros], line.into_bytes()].concat());
    let torn = (any_sample_line(), any::<Index>(), 1..300_usize, any_sample_line()).prop_map(
        |(before, at, zeros, line)| {
            let before = &before.as_bytes()[..at.index(before.len())];
            [before, &vec![0; zeros], line.as_bytes()].concat()
        },
    );
    prop_oneof![
        8 => sample,
        2 => torn,
        1 => behind_zeros,
        1 => any_sample_line().prop_map(|line| format!("\u{feff}{line}").into_bytes()),
        1 => (0..MAX_LINE + 3).prop_map(|len| vec![0; len]),
        4 => damaged,
        1 => "[ \t\r]{0,3}".prop_map(String::into_bytes),
        1 => "# (log2aws/1 )?(cores=[0-9]{1,3})?".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..80),
        1 => (MAX_LINE - 2..MAX_LINE + 3).prop_map(|len| vec![b'7'; len]),
    ]
}

/// A log of such lines, with either kind of line end, or none at the end.
fn any_log() -> impl Strategy<Value = Vec<u8>> {
    let line = (
        any_line(),
        prop_oneof![4 => Just(&b"\n"[..]), 1 => Just(&b"\r\n"[..]), 1 => Just(&b"\r\r\n"[..])],
    );
    (any::<bool>(), vec(line, 0..12), prop::option::of(any_line())).prop_map(
        |(mark, lines, last)| {
            let mut log = if mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
            for (line, end) in lines {
                log.extend(line);
                log.extend(end);
            }
            log.extend(last.unwrap_or_default());
            log
        },
    )
}

/// Whether a log is read line by line, as text.
fn is_text(log: &[u8]) -> bool {
    let start = &log[..log.len().min(START)];
    !start.starts_with(&GZIP_MAGIC) && Foreign::seen_by(start).is_none()
}

/// The blocks of `log` between `cuts`.
fn blocks<'a>(log: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
    cuts.extend([0, log.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &log[cut[0]..cut[1]]).collect()
}

proptest! {
    #[test]
    fn where_blocks_are_cut_makes_no_difference(log in any_log(), cuts in vec(any::<Index>(), 0..8)) {
        prop_assert_eq!(convert_blocks(blocks(&log, &cuts)), convert(&log));
        let start = &log[..log.len().min(2000)];
        prop_assert_eq!(convert_blocks(start.chunks(1)), convert(start));
    }

    #[test]
    fn gzip_makes_no_difference(log in any_log(), cuts in vec(any::<Index>(), 0..8)) {
        prop_assume!(is_text(&log));
        let packed = gzip(&log);
        prop_assert_eq!(convert_blocks(blocks(&packed, &cuts)), convert(&log));
    }

    #[test]
    fn damaged_gzip_is_a_reject_wherever_it_is_cut(
        log in any_log(), at in any::<Index>(), byte in any::<u8>(), cut in any::<Index>(),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let whole = gzip(&log);
        let short = &whole[..2 + cut.index(whole.len() - 2)];
        let (kept, totals) = convert(short);
        prop_assert_eq!(&kept.rejects.last().unwrap().reason, &Reason::GzipCutShort);
        prop_assert!(totals.bytes <= log.len() as u64);
        let mut damaged = whole.clone();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        prop_assert_eq!(convert_blocks(blocks(&damaged, &cuts)), convert(&damaged));
    }

    #[test]
    fn every_line_is_accounted_for(log in any_log()) {
        prop_assume!(is_text(&log));
        let (kept, totals) = convert(&log);
        prop_assert_eq!(totals.bytes, log.len() as u64);
        let ends = memchr::memchr_iter(b'\n', &log).count();
        let open = !log.is_empty() && !log.ends_with(b"\n");
        prop_assert_eq!(totals.lines, (ends + usize::from(open)) as u64);
        for row in kept.csv.lines() {
            prop_assert_eq!(row.split(',').count(), CSV_COLUMNS, "{}", row);
        }
        for reject in &kept.rejects {
            let offset = usize::try_from(reject.offset).unwrap();
            let length = usize::try_from(reject.length).unwrap();
            let line = &log[offset..offset + length];
            prop_assert!(line.starts_with(&reject.raw) && !line.contains(&b'\n'));
            prop_assert!(reject.raw.len() + 4 > length.min(1024));
            let before = memchr::memchr_iter(b'\n', &log[..offset]).count();
            prop_assert_eq!(reject.line, before as u64 + 1);
        }
    }

    #[test]
    fn any_bytes_are_taken(log in vec(any::<u8>(), 0..2000), gzip_head in any::<bool>()) {
        let head = if gzip_head { &b"\x1f\x8b\x08"[..] } else { b"" };
        convert([head, &log].concat());
    }
}
