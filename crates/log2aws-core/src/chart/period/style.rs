//! What a period's drawing has beyond a day's: its bars, and the shadings of empty days, which
//! differ in lines and dots too, for print and for readers who do not see the colours.

/// Added to the style sheet of a day.
pub(super) const SHEET: &str = "\
.p95{fill:#56b4e9;stroke:#fff;stroke-width:.6px}\
.ran{fill:url(#ran)}.sil{fill:url(#silent)}.unk{fill:url(#unknown)}.bad{fill:url(#unreadable)}\
.due{fill:none;stroke:#aab2ba;stroke-dasharray:2 4}\
.rb{fill:#ffe9d9}.rl{stroke:#c86a37;stroke-width:1.1px}\
.sb{fill:#f7eee6}.sr{stroke:#b08a6a;stroke-width:1px}\
.ub{fill:#f3eee7}.ud{fill:#6b5a45}\
.bb{fill:#f5e6f0}.bl{stroke:#8a3a6e;stroke-width:1.2px}\
@media screen and (prefers-color-scheme:dark){\
.p95{fill:#1f7fc0;stroke:#15191d}.mean{stroke:#fff}\
.rb{fill:#33200f}.rl{stroke:#c8743a}.sb{fill:#33261c}.sr{stroke:#c79468}\
.ub{fill:#2a251f}.ud{fill:#c9b79d}.bb{fill:#33202d}.bl{stroke:#e09cc2}\
.due{stroke:#56606a}}\
@media print{.due{stroke:#777}}";

/// Stripes where the machine ran, lines where it is silent, dots where the cause is unknown, and
/// upright lines where the results cannot be used.
pub(super) const PATTERNS: &str = "<defs>\
<pattern id=\"ran\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
patternTransform=\"rotate(45)\"><path class=\"rb\" d=\"M0 0h8v8h-8z\"/>\
<path class=\"rl\" d=\"M1 0v8\"/></pattern>\
<pattern id=\"silent\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
<path class=\"sb\" d=\"M0 0h6v6h-6z\"/><path class=\"sr\" d=\"M0 3h6\"/></pattern>\
<pattern id=\"unknown\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
<path class=\"ub\" d=\"M0 0h6v6h-6z\"/><path class=\"ud\" d=\"M2 2h1.6v1.6h-1.6z\"/></pattern>\
<pattern id=\"unreadable\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
<path class=\"bb\" d=\"M0 0h5v5h-5z\"/><path class=\"bl\" d=\"M2.5 0v5\"/></pattern></defs>\n";
