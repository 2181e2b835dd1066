//! How each class of shape looks: colours, dashes, type.
//!
//! The colours are those of Okabe and Ito, which remain distinct with any common colour blindness;
//! dashes, lightness and hatching distinguish the series without colour. The rules are plain
//! classes that renderers without CSS variables understand. Print and light pages use only the
//! first part.

/// Four pens for the lines of a panel, most important first.
pub(super) const PENS: [&str; 4] = ["l p1", "l p2", "l p3", "l p4"];

/// The same colours for the dots of isolated samples.
pub(super) const DOTS: [&str; 4] = ["d p1", "d p2", "d p3", "d p4"];

/// Four fills for the layers of a stack, from below; adjacent ones differ in lightness.
pub(super) const FILLS: [&str; 4] = ["a1", "a2", "a3", "a4"];

/// The style sheet. Fonts are named but never downloaded; text stays text.
pub(super) const SHEET: &str = "\
text{font:12px system-ui,-apple-system,'Segoe UI','Helvetica Neue',Arial,'Hiragino Sans',\
'Yu Gothic UI',Meiryo,'BIZ UDPGothic','Noto Sans CJK JP','Noto Sans JP',sans-serif;fill:#1b1f24}\
.h1{font-size:20px;font-weight:600}.note{font-size:17px;font-weight:400;fill:#4d5761}\
.h2{font-size:13px;fill:#4d5761}.h3{font-weight:600}.k{fill:#4d5761}\
.t{fill:#4d5761;font-size:11px}.e{text-anchor:end}.m{text-anchor:middle}\
.o{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}\
.bg{fill:#fff}.gap{fill:#eceff2}\
.band{fill:#dbe9f4}\
.g,.f,.l,.cores,.boot,.mean,.whisker,.usual{fill:none}.g{stroke:#e1e5e9}.f{stroke:#aab2ba}\
.l{stroke-width:1.6px;stroke-linejoin:round;stroke-linecap:butt}\
.p1{stroke:#0072b2}.p2{stroke:#d55e00;stroke-dasharray:7 2.5}\
.p3{stroke:#009e73;stroke-dasharray:2.5 2}.p4{stroke:#b0558a;stroke-dasharray:9 2.5 2.5 2.5}\
.d{fill:none;stroke-width:4.8px;stroke-linecap:round;stroke-dasharray:none}\
.a1,.a2,.a3,.a4{stroke:#fff;stroke-width:.6px}\
.a1{fill:#0072b2}.a2{fill:#56b4e9}.a3{fill:#f0e442}.a4{fill:url(#stolen)}\
.s{fill:#d55e00}.sl{fill:none;stroke:#5e2600;stroke-width:1px}\
.usual{stroke:#7fa9c9;stroke-width:1px}\
.cores{stroke:#1b1f24;stroke-dasharray:12 4;stroke-width:1.2px}\
.boot{stroke:#4d5761;stroke-dasharray:2 2}\
.mean{stroke:#1b1f24;stroke-width:2px}.whisker{stroke:#0072b2;stroke-width:1.2px}\
.lack{fill:url(#since-boot-line);stroke:#aab2ba}\
.ring{fill:none;stroke:#1b1f24;stroke-width:1.4px}\
.ha{fill:url(#since-boot-area)}.hl{fill:url(#since-boot-line)}\
.w{fill:none;stroke:#fff;stroke-width:2.4px}.v{fill:none;stroke:#ccd3da;stroke-width:1.2px}\
@media screen and (prefers-color-scheme:dark){\
text{fill:#e6e9ec}.note,.h2,.k,.t{fill:#a3adb7}.o{stroke:#15191d}\
.bg{fill:#15191d}.gap{fill:#22282e}.band{fill:#1d3547}.usual{stroke:#4f7fa3}\
.g{stroke:#2a3138}.f{stroke:#56606a}\
.p1{stroke:#56b4e9}.p2{stroke:#f08a3c}.p3{stroke:#2cc295}.p4{stroke:#e09cc2}\
.a1,.a2,.a3,.a4{stroke:#15191d}.a1{fill:#1f7fc0}.a2{fill:#7cc8f2}\
.mean{stroke:#15191d}.whisker{stroke:#7cc8f2}\
.cores,.ring{stroke:#e6e9ec}.boot{stroke:#a3adb7}.w{stroke:#15191d}.v{stroke:#3a434c}}\
@media print{text,.note,.h2,.k,.t{fill:#000}.gap{fill:#dde1e5}.usual{stroke:#777}.g{stroke:#c4cad0}\
.f,.boot{stroke:#555}.v{stroke:#999}}";

/// The estimated width of a text, in tenths of a pixel at a type size of `size` pixels, from the
/// usual widths of sans-serif faces. It errs on the wide side.
pub(super) fn width(text: &str, size: i32) -> i32 {
    let hundredths: i32 = text.chars().map(hundredths).sum();
    hundredths.saturating_mul(size) / 10
}

fn hundredths(c: char) -> i32 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '!' | '·' => 30,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 40,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 90,
        'A'..='Z' => 69,
        c if c.is_ascii() => 59,
        '\u{300}'..='\u{36f}' => 0,
        c if u32::from(c) < 0x1100 => 65,
        _ => 100,
    }
}

/// The text, cut with an ellipsis to `room` tenths of a pixel.
pub(super) fn fitted(text: &str, size: i32, room: i32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - width("…", size);
    let fits = |c: &char| {
        left -= hundredths(*c) * size / 10;
        left >= 0
    };
    let mut shown: String = text.chars().take_while(fits).collect();
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_where_it_ceases_to_fit() {
        assert_eq!(fitted("web01", 20, 2_000), "web01");
        let cut = fitted(&"本".repeat(66), 17, 2_000);
        assert!(cut.ends_with('…') && width(&cut, 17) <= 2_000, "{cut}");
        assert_eq!(cut.chars().count(), 11);
        assert_eq!(fitted("web01", 20, 0), "…");
    }
}
