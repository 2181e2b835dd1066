//! Charts as pictures: an SVG in, a PNG out, with a font that comes along.
//!
//! What this crate never does: read a file, least of all the machine's fonts. The same SVG is the
//! same picture on every machine.
