//! Fast reader for the format that Linux servers normally write, eight bytes at a time.
//!
//! It accepts single blanks between words, no missing part and numbers of usual length, and
//! declines everything else, valid or not: the general reader then decides. What it does read, it
//! reads as the general reader does; a property in `tests.rs` checks that they agree.

use jiff::civil::Date;

use super::{Line, clock};
use crate::csv::VMSTAT_NAMES;
use crate::sample::VMSTAT_COLUMNS;

/// Room for the cells of any accepted line, and for what is written past them.
const ROOM: usize = 320;

/// The longest `vmstat` part that is accepted, in bytes: one bit of a `u128` each.
const MAX_TAIL: usize = 128;

/// The same byte eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const HIGH: u64 = each(0x80);

/// Reads lines in the usual format. It remembers the date of the last line, since most lines have
/// the same date as the one before.
#[derive(Debug)]
pub(crate) struct CanonicalReader {
    day: [u8; 10],
    date: Date,
    csv: [u8; ROOM],
}

impl Default for CanonicalReader {
    fn default() -> Self {
        Self { day: *b"0000-01-01", date: Date::constant(0, 1, 1), csv: [0; ROOM] }
    }
}

impl CanonicalReader {
    /// Reads one line, without its line end, to its CSV cells; `None` if it is not in this format.
    pub(crate) fn read(&mut self, line: &[u8]) -> Option<(&[u8], Line)> {
        let (time, _) = line.split_first_chunk::<23>()?;
        let date = self.read_date(time)?;
        let mut cells = Cells { line, at: 23, csv: &mut self.csv, len: 20 };
        cells.time(time)?;
        cells.uptime()?;
        cells.users()?;
        cells.skip(b"load average: ")?;
        cells.load()?;
        cells.skip(b", ")?;
        cells.load()?;
        cells.skip(b", ")?;
        cells.load()?;
        cells.skip(b" ")?;
        let (columns, extra) = cells.vmstat()?;
        let len = cells.len;
        Some((&self.csv[..len], Line { date, columns, extra, rounded: false }))
    }

    fn read_date(&mut self, text: &[u8; 23]) -> Option<Date> {
        let (day, _) = text.split_first_chunk::<10>()?;
        if *day != self.day {
            self.date = clock::read_date(day).ok()?;
            self.day = *day;
        }
        Some(self.date)
    }
}

/// The cells written so far and the rest of the line.
struct Cells<'a> {
    line: &'a [u8],
    at: usize,
    csv: &'a mut [u8; ROOM],
    len: usize,
}

impl Cells<'_> {
    /// `2019-08-01 00:00:01 up `, the source of the first cell; the date is known to be right.
    fn time(&mut self, text: &[u8; 23]) -> Option<()> {
        let [.., _, h1, h2, c1, m1, m2, c2, s1, s2, _, _, _, _] = text;
        let digit = |b: &u8, limit: u8| b.wrapping_sub(b'0') < limit;
        let real = digit(h1, 3)
            && digit(h2, if *h1 == b'2' { 4 } else { 10 })
            && digit(m1, 6)
            && digit(m2, 10)
            && digit(s1, 6)
            && digit(s2, 10);
        let shaped = text[10] == b' ' && *c1 == b':' && *c2 == b':' && text[19..] == *b" up ";
        self.csv[..19].copy_from_slice(&text[..19]);
        self.csv[19] = b',';
        (real && shaped).then_some(())
    }

    fn skip(&mut self, text: &[u8]) -> Option<()> {
        let found = self.line.get(self.at..)?.starts_with(text);
        self.at += text.len();
        found.then_some(())
    }

    /// The next eight bytes.
    fn word(&self, at: usize) -> Option<u64> {
        self.line.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// The number of digits at `at`: 1 to 7; others are declined.
    fn digits(&self, at: usize) -> Option<usize> {
        let count = (not_digits(self.word(at)?).trailing_zeros() / 8) as usize;
        (1..8).contains(&count).then_some(count)
    }

    /// Copies the next `len` bytes, at most 16. It always copies 16, which is faster; the excess is
    /// overwritten later.
    fn copy(&mut self, len: usize) -> Option<()> {
        let bytes: &[u8; 16] = self.line.get(self.at..)?.first_chunk()?;
        *self.csv.get_mut(self.len..)?.first_chunk_mut()? = *bytes;
        self.at += len;
        self.len += len;
        Some(())
    }

    fn put(&mut self, byte: u8) -> Option<()> {
        *self.csv.get_mut(self.len)? = byte;
        self.len += 1;
        Some(())
    }

    /// `45 days, 20:04, `, `1 day, 3 min, `, `20:04, ` or `5 min, `.
    fn uptime(&mut self) -> Option<()> {
        let mut digits = self.digits(self.at)?;
        let unit = self.word(self.at + digits)?.to_le_bytes();
        if unit.starts_with(b" day") {
            self.copy(digits)?;
            self.at += 1;
            let plural = unit[4] == b's';
            self.copy(if plural { 4 } else { 3 })?;
            self.put(b' ')?;
            self.skip(b", ")?;
            digits = self.digits(self.at)?;
        }
        match self.line.get(self.at + digits)? {
            b':' => {
                let [h1, h2, b':', m1, m2] = (match digits {
                    1 => self.word(self.at)? << 8 | u64::from(b'0'),
                    2 => self.word(self.at)?,
                    _ => return None,
                })
                .to_le_bytes()[..5] else {
                    return None;
                };
                // The hours are digits; the minutes are not checked yet.
                let real = (h1 < b'2' || h1 == b'2' && h2 < b'4')
                    && (b'0'..b'6').contains(&m1)
                    && m2.is_ascii_digit();
                if !real {
                    return None;
                }
                self.copy(digits + 3)?;
            }
            b' ' => {
                self.copy(digits)?;
                self.skip(b" ")?;
                if !self.line.get(self.at..)?.starts_with(b"min,") {
                    return None;
                }
                self.copy(3)?;
            }
            _ => return None,
        }
        self.put(b',')?;
        self.skip(b", ")
    }

    /// `1 user, ` or `3 users, `.
    fn users(&mut self) -> Option<()> {
        let digits = self.digits(self.at)?;
        self.copy(digits)?;
        self.put(b',')?;
        self.skip(b" user")?;
        self.at += usize::from(*self.line.get(self.at)? == b's');
        self.skip(b", ")
    }

    /// `25.06`, of at most seven digits on either side of the point.
    fn load(&mut self) -> Option<()> {
        let units = self.digits(self.at)?;
        if *self.line.get(self.at + units)? != b'.' {
            return None;
        }
        let decimals = self.digits(self.at + units + 1)?;
        self.copy(units + 1 + decimals)?;
        self.put(b',')
    }

    /// The columns of `vmstat`, which run to the end of the line.
    fn vmstat(&mut self) -> Option<(usize, Option<u64>)> {
        let start = self.len;
        let tail = self.line.get(self.at..)?;
        let len = tail.len();
        if !(VMSTAT_COLUMNS..=MAX_TAIL).contains(&len) {
            return None;
        }
        // Words are counted from the end of the line. The first one overlaps the part before, which
        // is shifted out; the digits that come in behind it are overwritten by the second.
        let before = (8 - len % 8) % 8;
        let (first, words) = self.line[self.at - before..].split_first_chunk::<8>()?;
        let mut blanks: u128 = 0;
        let mut bad = 0;
        let mut done = 8 - before;
        let word = (u64::from_le_bytes(*first) >> (8 * before)) | digits_from(done);
        let mut take = |word: u64, from: usize| {
            let blank = zero_bytes(word ^ each(b' '));
            bad |= not_digits(word) ^ blank;
            // A blank becomes a comma; the flags are collected in the highest byte.
            let cells = word ^ (blank >> 7).wrapping_mul(u64::from(b' ' ^ b','));
            let flags = (blank >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            blanks |= u128::from(flags) << from;
            cells.to_le_bytes()
        };
        *self.csv.get_mut(start..)?.first_chunk_mut()? = take(word, 0);
        for chunk in words.as_chunks::<8>().0 {
            let cells = take(u64::from_le_bytes(*chunk), done);
            *self.csv.get_mut(start + done..)?.first_chunk_mut()? = cells;
            done += 8;
        }
        let columns = blanks.count_ones() as usize + 1;
        let shaped = bad == 0
            && blanks & 1 == 0
            && blanks >> (len - 1) == 0
            && blanks & (blanks >> 1) == 0
            && !has_long_run(!blanks & (u128::MAX >> (128 - len)))
            && (VMSTAT_COLUMNS - 1..=VMSTAT_NAMES.len()).contains(&columns);
        if !shaped {
            return None;
        }
        self.len = start + len;
        let mut extra = None;
        if columns < VMSTAT_COLUMNS {
            self.put(b',')?;
        } else if columns > VMSTAT_COLUMNS {
            let last = 128 - blanks.leading_zeros() as usize;
            extra = Some(tail[last..].iter().fold(0, |n, b| n * 10 + u64::from(b - b'0')));
            self.len = start + last - 1;
        }
        Some((columns, extra))
    }
}

/// A word with the digit `0` in its bytes from `from` on, and zeros before.
fn digits_from(from: usize) -> u64 {
    each(b'0').checked_shl(u32::try_from(8 * from).unwrap_or(64)).unwrap_or(0)
}

/// The high bit of each byte that is zero.
fn zero_bytes(word: u64) -> u64 {
    !(((word & !HIGH) + !HIGH) | word) & HIGH
}

/// The high bit of each byte that is not a digit.
fn not_digits(word: u64) -> u64 {
    let value = word ^ each(b'0');
    (((value & !HIGH) + each(0x80 - 10)) | value) & HIGH
}

/// Whether 20 bits in a row are set: a number of 20 digits may overflow a `u64`.
fn has_long_run(bits: u128) -> bool {
    let two = bits & (bits >> 1);
    let four = two & (two >> 2);
    let eight = four & (four >> 4);
    let sixteen = eight & (eight >> 8);
    sixteen & (four >> 16) != 0
}
