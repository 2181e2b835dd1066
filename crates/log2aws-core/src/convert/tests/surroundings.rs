//! What stands around the lines of a log: zeros, byte order marks, line ends, padding; and logs that
//! are of another kind altogether.

use super::*;

#[test]
fn zeros_before_a_line_are_passed_over_and_counted() {
    let zeros = |count: usize| "\0".repeat(count);
    for count in [1, 270, 4096, 70_000, 3 << 20] {
        let log = format!("{}\n{}{}\n{}\n", row(0), zeros(count), row(10), row(20));
        for blocks in [log.len(), 1000, 7] {
            let (kept, totals) = convert_blocks(log.as_bytes().chunks(blocks));
            assert_eq!((totals.rows, totals.rejects), (3, 0), "{count}");
            assert_eq!(totals.nul_bytes, count as u64);
            assert_eq!(kept.csv, convert([row(0), row(10), row(20)].join("\n")).0.csv);
        }
    }
    // A reject behind zeros says where its own text begins.
    let (kept, totals) = convert(format!("{}nonsense\n# {0}\n", zeros(5)));
    assert_eq!((kept.rejects[0].offset, kept.rejects[0].length), (5, 8));
    assert_eq!((totals.comments, totals.nul_bytes), (1, 5));
    // Zeros to the end of a log, or of a line, are no text at all.
    for log in [zeros(9), zeros(9) + "\n", format!("\n{}", zeros(9))] {
        let (kept, totals) = convert(&log);
        assert_eq!((totals.rows, kept.rejects.len(), totals.nul_bytes), (0, 0, 9));
        assert_eq!(totals.blanks, totals.lines);
    }
}

/// A line too long for its zeros alone is read; one that is too long without them is not.
#[test]
fn zeros_do_not_make_a_line_too_long() {
    let padded = format!("{}{}", row(0), " ".repeat(MAX_LINE - row(0).len()));
    for (line, rows) in [(padded.clone(), 1), (padded + " ", 0)] {
        let log = [vec![0; 100_000].as_slice(), line.as_bytes()].concat();
        for block in [log.len(), 4096] {
            let (kept, totals) = convert_blocks(log.chunks(block));
            assert_eq!((totals.rows, totals.rejects), (rows, 1 - rows));
            assert!(kept.rejects.iter().all(|reject| reject.offset == 100_000));
        }
    }
}

/// A power cut can also tear a line where a page of the disk's cache ends.
#[test]
fn a_line_that_was_torn_costs_itself_and_not_the_one_behind_its_zeros() {
    for zeros in [1, 300, 4096, 70_000] {
        for head in ["2019-08-01 00:0", "# log2aws/1 ser", "\u{feff}2019", "x\0\0y"] {
            let line = [head.as_bytes(), &vec![0; zeros], row(10).as_bytes(), b"\r\n"].concat();
            let log = [row(0).as_bytes(), b"\n", &line, row(20).as_bytes(), b"\n"].concat();
            let mark = if head.starts_with('\u{feff}') { 3 } else { 0 };
            for block in [log.len(), 1000, 7] {
                let (kept, totals) = convert_blocks(log.chunks(block));
                assert_eq!(kept.csv, convert([row(0), row(10), row(20)].join("\n")).0.csv);
                assert_eq!((totals.lines, totals.rejects, totals.torn), (3, 1, 1));
                assert_eq!(totals.nul_bytes, zeros as u64);
                let reject = &kept.rejects[0];
                assert_eq!((&reject.reason, reject.line), (&Reason::Torn, 2));
                assert_eq!(reject.offset, row(0).len() as u64 + 1 + mark);
                assert_eq!(reject.raw, &head.as_bytes()[usize::try_from(mark).unwrap()..]);
                assert_eq!(reject.length, reject.raw.len() as u64);
            }
        }
    }
    // Without a sample behind the zeros it is one reject, and without text before them none.
    let (kept, totals) = convert(format!("2019-08-01\0\0\0 {}\n", &row(0)[..90]));
    assert_eq!((totals.rejects, totals.torn, kept.rejects[0].offset), (1, 0, 0));
    for blank in ["\u{feff}", "  ", "\u{feff}\t"] {
        let (_, totals) = convert(format!("{blank}\0\0\0{}\n", row(0)));
        assert_eq!((totals.rows, totals.rejects, totals.nul_bytes), (1, 0, 3));
    }
}

/// Coverage counts a line without a time in its place among the rows.
#[test]
fn a_torn_line_comes_before_the_row_behind_its_zeros() {
    struct Order(Vec<&'static str>);
    impl Sink for Order {
        fn row(&mut self, _: &Row<'_>) {
            self.0.push("row");
        }
        fn reject(&mut self, _: Reject) {
            self.0.push("reject");
        }
    }
    let log = format!("{}\ntorn\0\0\0{}\n", row(0), row(10));
    let mut order = Order(Vec::new());
    convert_text(log.as_bytes(), &mut order);
    assert_eq!(order.0, ["row", "reject", "row"]);
}

#[test]
fn any_number_of_carriage_returns_ends_a_line() {
    for end in ["\r\n", "\r\r\n", "\r\r\r\n"] {
        let (kept, totals) = convert(LOG.replace('\n', end));
        assert_eq!(kept.csv, body(CSV));
        assert_eq!(totals.rejects, 0);
    }
}

#[test]
fn texts_that_were_joined_may_each_have_a_byte_order_mark() {
    let (first, second) = LOG.split_at(LOG.find('\n').unwrap() + 1);
    let (kept, totals) = convert(format!("\u{feff}{first}\u{feff}{second}"));
    assert_eq!((kept.csv.as_str(), totals.rejects), (body(CSV), 0));
}

#[test]
fn an_unknown_uptime_is_not_invented() {
    struct Uptimes(Vec<Option<u64>>);
    impl Sink for Uptimes {
        fn row(&mut self, row: &Row<'_>) {
            self.0.push(row.sample().uptime_seconds);
        }
        fn reject(&mut self, reject: Reject) {
            panic!("{}", reject.reason);
        }
    }
    let unknown = |minute| row(minute).replace("45 days, 20:04", "?");
    let log = [unknown(0), row(10), unknown(20), unknown(30), row(40)].join("\n");
    let mut uptimes = Uptimes(Vec::new());
    convert_text(log.as_bytes(), &mut uptimes);
    let known = 45 * 86_400 + 20 * 3600 + 4 * 60;
    assert_eq!(uptimes.0, [None, Some(known), None, None, Some(known)]);
}

/// Text in UTF-16, with either byte first.
fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn a_log_of_another_kind_is_named_once() {
    let little = utf16(LOG, u16::to_le_bytes);
    let big = utf16(LOG, u16::to_be_bytes);
    let utf16 = "this is UTF-16 text; a log must be UTF-8 (in PowerShell: Out-File -Encoding utf8)";
    let packed = |name, tool| {
        format!("this is {name}, not text; unpack it with \"{tool}\" (only gzip is read as it is)")
    };
    let rest = [b'\n'; 300];
    for (log, reason) in [
        ([b"\xfd7zXZ\0", &rest[..]].concat(), packed("xz", "xz -d")),
        ([b"BZh91AY&SY", &rest[..]].concat(), packed("bzip2", "bzip2 -d")),
        ([b"\x28\xb5\x2f\xfd", &rest[..]].concat(), packed("zstd", "zstd -d")),
        ([b"\x1f\x9d\x90", &rest[..]].concat(), packed("compress", "gzip -d")),
        ([b"PK\x03\x04", &rest[..]].concat(), packed("zip", "unzip")),
        ([b"\xff\xfe", little.as_slice()].concat(), utf16.to_owned()),
        ([b"\xfe\xff", big.as_slice()].concat(), utf16.to_owned()),
        (little, utf16.to_owned()),
        (big, utf16.to_owned()),
        (b"\xff\xfe".to_vec(), utf16.to_owned()),
    ] {
        for block in [log.len(), 7, 1] {
            let (kept, totals) = convert_blocks(log.chunks(block));
            assert_eq!((totals.lines, totals.rejects), (1, 1), "{reason}");
            let reject = &kept.rejects[0];
            assert_eq!((reject.line, reject.offset), (1, 0));
            assert_eq!(reject.length, log.len() as u64);
            assert_eq!(reject.raw, &log[..log.len().min(16)]);
            assert_eq!(reject.reason.to_string(), reason);
            assert_eq!(totals.stopped.unwrap().reason, reason);
        }
    }
}

#[test]
fn zeros_behind_gzip_data_are_passed_over() {
    let (first, second) = LOG.split_at(200);
    for padding in [1, 511, 20_000] {
        let zeros = vec![0; padding];
        let log = [gzip(first), gzip(second), zeros].concat();
        for block in [log.len(), 100, 1] {
            let (kept, totals) = convert_blocks(log.chunks(block));
            assert_eq!((kept.csv.as_str(), totals.rejects), (body(CSV), 0));
            assert_eq!(totals.padding, padding as u64);
        }
        let (kept, totals) = convert([&log[..], b"something else"].concat());
        assert_eq!((totals.rows, totals.rejects), (5, 1));
        assert!(matches!(kept.rejects[0].reason, Reason::GzipDamaged(_)));
    }
    // Zeros within a member are its own: these data are cut short.
    let packed = gzip(LOG);
    let (kept, totals) = convert([&packed[..packed.len() - 8], &[0; 512][..]].concat());
    assert_eq!((totals.rejects, totals.padding), (1, 0));
    assert!(matches!(kept.rejects[0].reason, Reason::GzipDamaged(_)));
}
