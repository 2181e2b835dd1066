//! Decompresses gzip data as they arrive, and stops at a decompression bomb. Zeros behind the data, as
//! a tape or `dd` pads them, are passed over as gzip(1) does.

use std::io::Write as _;
use std::num::NonZeroU32;

use flate2::write::GzDecoder;

use super::lines::Lines;
use super::{Sink, Totals};
use crate::reject::Reason;

/// The expansion ratio is not checked below this many bytes of text, which is what a sample a
/// minute gives in five days.
pub const MIN_BOMB: u64 = 1024 * 1024;

/// How many compressed bytes are unpacked at once. Fixed steps make the result independent of how
/// the data arrive, including the byte at which a bomb is cut off.
const STEP: usize = 1024;

/// Decompresses the members of gzip data.
pub(super) struct Gunzip {
    /// That of the current member.
    decoder: GzDecoder<Vec<u8>>,
    /// Whether a member has ended and the next one has not begun.
    between: bool,
    /// Zeros behind members.
    padding: u64,
    /// Compressed data that do not fill a step yet.
    step: Vec<u8>,
    packed: u64,
    unpacked: u64,
    /// The greatest accepted ratio of text to compressed data.
    max_ratio: NonZeroU32,
    /// Why the text ended early, if it did.
    broken: Option<Reason>,
}

impl Gunzip {
    pub(super) fn new(max_ratio: NonZeroU32) -> Self {
        Self {
            decoder: GzDecoder::new(Vec::new()),
            between: false,
            padding: 0,
            step: Vec::with_capacity(STEP),
            packed: 0,
            unpacked: 0,
            max_ratio,
            broken: None,
        }
    }
}

impl std::fmt::Debug for Gunzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gunzip")
            .field("packed", &self.packed)
            .field("unpacked", &self.unpacked)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl Gunzip {
    /// Takes the next block of compressed data; ignores it after the text has ended early.
    pub(super) fn push(&mut self, mut packed: &[u8], lines: &mut Lines, sink: &mut impl Sink) {
        while !packed.is_empty() && self.broken.is_none() {
            let (taken, rest) = packed.split_at(packed.len().min(STEP - self.step.len()));
            self.step.extend_from_slice(taken);
            packed = rest;
            if self.step.len() == STEP {
                self.unpack(lines, sink);
            }
        }
    }

    /// Ends the compressed data.
    pub(super) fn finish(mut self, mut lines: Lines, sink: &mut impl Sink) -> Totals {
        if self.broken.is_none() {
            self.unpack(&mut lines, sink);
        }
        if self.broken.is_none() && !self.between {
            let ended = self.decoder.try_finish();
            self.hand_out(&mut lines, sink);
            if let Err(error) = ended {
                // The decoder reports a truncated check sum as a wrong one. If it accepts one more
                // byte, the data were truncated.
                let cut_short = matches!(self.decoder.write(&[0]), Ok(1));
                let reason = if cut_short { Reason::GzipCutShort } else { reason(&error) };
                self.broken.get_or_insert(reason);
            }
        }
        let totals = match self.broken {
            None => lines.finish(sink),
            Some(reason) => lines.break_off(reason, sink),
        };
        Totals { padding: self.padding, ..totals }
    }

    /// Unpacks the step. Each call of the decoder yields at most a few 32 KiB buffers.
    fn unpack(&mut self, lines: &mut Lines, sink: &mut impl Sink) {
        let step = std::mem::take(&mut self.step);
        let mut packed = step.as_slice();
        while !packed.is_empty() && self.broken.is_none() {
            if self.between && packed[0] == 0 {
                self.padding += 1;
                packed = &packed[1..];
                continue;
            }
            self.between = false;
            match self.decoder.write(packed) {
                Ok(0) => self.end_member(lines, sink),
                Ok(taken) => {
                    self.packed += taken as u64;
                    packed = &packed[taken..];
                }
                Err(error) => {
                    self.broken = Some(reason(&error));
                    // Flushes what was unpacked before the fault; this call fails again by design.
                    let _ = self.decoder.try_finish();
                }
            }
            self.hand_out(lines, sink);
        }
        self.step = step;
        self.step.clear();
    }

    /// Ends a member, which the decoder shows by taking no more bytes.
    fn end_member(&mut self, lines: &mut Lines, sink: &mut impl Sink) {
        let ended = self.decoder.try_finish();
        self.hand_out(lines, sink);
        match ended {
            Ok(()) => {
                self.decoder = GzDecoder::new(Vec::new());
                self.between = true;
            }
            Err(error) => self.broken = self.broken.take().or_else(|| Some(reason(&error))),
        }
    }

    fn hand_out(&mut self, lines: &mut Lines, sink: &mut impl Sink) {
        let text = self.decoder.get_mut();
        self.unpacked += text.len() as u64;
        lines.push(text, sink);
        text.clear();
        let max_ratio = self.max_ratio;
        if self.unpacked > MIN_BOMB && self.unpacked / u64::from(max_ratio.get()) > self.packed {
            self.broken.get_or_insert(Reason::GzipBomb { max_ratio });
        }
    }
}

fn reason(error: &std::io::Error) -> Reason {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Reason::GzipCutShort,
        _ => Reason::GzipDamaged(error.to_string()),
    }
}
