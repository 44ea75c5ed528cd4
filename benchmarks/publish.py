"""The figures of one whole run, as docs/benchmarks.md shows them: a table and a picture."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, number

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- figures of `make bench` -->", "<!-- end of figures -->"

ROW, TOP = 26, 58
LETTER, SCALE, NUMBERS = 7, 300, 250  # widths
TICKS = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
STYLE = """
  .back { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif }
  .quiet { fill: #59636e } .middle { text-anchor: middle } .end { text-anchor: end }
  .grid { stroke: #d1d9e0 } .goal { stroke: #59636e }
  path { stroke-width: 1 } path.good, path.bad { stroke-width: 3 }
  .good { stroke: #0f766e; fill: #0f766e } .bad { stroke: #c2410c; fill: #c2410c }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } text { fill: #f0f6fc } .quiet { fill: #9198a1 }
    .grid { stroke: #30363d } .goal { stroke: #9198a1 }
    .good { stroke: #2dd4bf; fill: #2dd4bf } .bad { stroke: #fb923c; fill: #fb923c }
  }
"""


def publish(figures: Sequence[Figure], machine: Mapping[str, Any]) -> None:
    page = DOCS / "benchmarks.md"
    shown = f"{sentence(machine)}\n\n{markdown(figures)}"
    page.write_text(between_markers(page.read_text(), shown))
    (DOCS / "benchmarks.svg").write_text(picture(figures))


def between_markers(page: str, shown: str) -> str:
    """Replace what stands between the markers. ValueError if they are not there."""
    before, rest = page.split(BEGIN)
    _old, after = rest.split(END)
    return f"{before}{BEGIN}\n{shown}\n{END}{after}"


def sentence(machine: Mapping[str, Any]) -> str:
    at = datetime.fromisoformat(machine["at"])
    postgres = machine["postgres"]["server_version"].split()[0]
    return (
        f"{at.day} {at:%B %Y}, commit {machine['commit']}, {machine['cpus']} CPUs (load "
        f"{machine['load'][0]:.1f} at the start), Python {machine['python']}, PostgreSQL "
        f"{postgres}, fsync {machine['postgres']['fsync']}, {machine['rounds']} rounds."
    )


def markdown(figures: Sequence[Figure]) -> str:
    lines = ["| what | against | median | range | goal | |", "|---|---|--:|--:|--:|---|"]
    for each in figures:
        cells = [each.what, each.against, number(each.median), each.span, each.goal, each.verdict]
        lines.append("|" + "".join(f" {cell} |" if cell else " |" for cell in cells))
    return "\n".join(lines)


def picture(figures: Sequence[Figure]) -> str:
    """Draw each ratio against its goal: how many times better than it, on a logarithmic scale.

    A round of 0 is drawn at the left edge; a median of 0 has no place on such a scale.
    """
    rows = [each for each in figures if each.goal and each.margin > 0]
    margins = [margin for each in rows for margin in each.margins if margin > 0]
    low, high = min([*margins, 0.5]) * 0.9, max([*margins, 2]) * 1.1
    names = [f"{each.what} : {each.against}".removesuffix(" : ") for each in rows]
    left, bottom = LETTER * max(map(len, names), default=0) + 32, TOP + ROW * len(rows)
    right = left + SCALE

    def x(margin: float) -> float:
        share = math.log(max(margin, low) / low) / math.log(high / low)
        return round(left + share * SCALE, 1)

    size = f'width="{right + NUMBERS}" height="{bottom + ROW // 2}"'
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>Each ratio against its goal</title><style>{STYLE}</style>",
        f'<rect class="back" {size} rx="6"/>',
        text(left, 20, "times better than the goal: median and range", "quiet"),
    ]
    for tick in TICKS:
        if low <= tick <= high:
            kind = "goal" if tick == 1 else "grid"
            drawn.append(f'<path class="{kind}" d="M{x(tick)} {TOP - 6}V{bottom}"/>')
            drawn.append(text(x(tick), TOP - 14, f"{tick:g} ×", "quiet middle"))
    for place, (name, each) in enumerate(zip(names, rows, strict=True)):
        y = TOP + ROW * (place + 0.5)
        kind = "bad" if each.verdict == "missed" else "good"
        least, most = x(min(each.margins)), x(max(each.margins))
        drawn += [
            text(left - 16, y + 4, name, "end"),
            f'<path class="{kind}" d="M{least} {y}H{most}"/>',
            f'<circle class="{kind}" r="5" cx="{x(each.margin)}" cy="{y}"/>',
            text(right + 16, y + 4, f"{number(each.median)}, goal {each.goal}: {each.verdict}"),
        ]
    return "\n".join([*drawn, "</svg>\n"])


def text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>'
