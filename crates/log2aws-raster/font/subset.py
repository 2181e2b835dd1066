"""Makes the fonts of this folder out of the whole ones; README.md has the commands."""

import sys
from pathlib import Path

from fontTools import subset

LATIN = [*range(0x20, 0x7F), *range(0xA0, 0x100)]
# Dashes, quotation marks, dots, arrows, comparisons.
MARKS = [0x2010, *range(0x2013, 0x2016), 0x2018, 0x2019, 0x201C, 0x201D, 0x2020, 0x2022, 0x2026]
SIGNS = [0x20AC, 0x2122, *range(0x2190, 0x2194), 0x2212, 0x2260, 0x2264, 0x2265]
FULL_AND_HALF_WIDTH = range(0xFF01, 0xFFE6)
# Rows of JIS X 0208: 1 to 8 signs, kana, Greek, Cyrillic, lines; 16 to 47 the kanji of level 1.
JIS_ROWS = [*range(1, 9), *range(16, 48)]


def jis(row: int) -> set[int]:
    """The characters of one row; its unassigned cells are none."""
    cells = (bytes((0xA0 + row, 0xA0 + cell)).decode("euc_jp", "ignore") for cell in range(1, 95))
    return {ord(char) for char in cells if len(char) == 1}


def write(source: Path, target: Path, characters: set[int]) -> None:
    """Writes the glyphs of `characters`, and the box for all others, without hints and layout."""
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.glyph_names = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 4, 5, 6, 13, 14]
    options.drop_tables += ["GSUB", "gasp", "meta", "vhea", "vmtx"]
    # Equal sources give equal bytes.
    options.recalc_timestamp = False
    font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    subset.save_font(font, str(target), options)
    print(f"{target}: {len(font.getBestCmap())} characters, {target.stat().st_size} bytes")


def main() -> None:
    """Reads the folder of the npm package, writes beside this file."""
    package, here = Path(sys.argv[1]), Path(__file__).parent
    regular = package / "400Regular/BIZUDPGothic_400Regular.ttf"
    bold = package / "700Bold/BIZUDPGothic_700Bold.ttf"
    latin = set(LATIN + MARKS + SIGNS)
    japanese = set(FULL_AND_HALF_WIDTH).union(*(jis(row) for row in JIS_ROWS)) - latin
    write(regular, here / "regular.ttf", latin)
    write(bold, here / "bold.ttf", latin)
    write(regular, here / "japanese.ttf", japanese)


main()
