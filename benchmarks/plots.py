"""A plot of steps is a small SVG that says the same on every machine, and reads on a white and on a dark page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 880, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 350, 44, 48
COLOURS = ("#c0392b", "#d17a00", "#8e44ad", "#2c7fb8", "#777777", "#117a43")


@dataclass(frozen=True)
class Line:
    """A share from 0 to 1 for each of the looks, counted from 1."""

    name: str
    shares: Sequence[float]


def steps(title: str, below: str, lines: Sequence[Line]) -> str:
    """Each line with its name and its last share beside it; per cent from below to above."""
    looks = len(lines[0].shares)
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [_text(LEFT, 24, title, "title")]
    for percent in range(0, 101, 20):
        y = TOP + high * (1 - percent / 100)
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{percent} %", "end"))
    parts += [
        _text(LEFT + wide * look / looks, HEIGHT - BOTTOM + 18, str(look), "middle") for look in range(0, looks + 1, 10)
    ]
    parts.append(_text(LEFT + wide / 2, HEIGHT - 10, below, "middle"))
    heights = _apart([TOP + high * (1 - line.shares[-1]) for line in lines], 17.0, TOP + high)
    for place, (line, height) in enumerate(zip(lines, heights, strict=True)):
        colour = COLOURS[place % len(COLOURS)]
        drawn = [f"M{LEFT} {TOP + high}"]
        for look, share in enumerate(line.shares, 1):
            drawn.append(f"H{LEFT + wide * look / looks:.1f}V{TOP + high * (1 - share):.1f}")
        parts.append(f'<path d="{"".join(drawn)}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
        label = f"{line.name} {100 * line.shares[-1]:.3g} %"
        parts.append(f'<text x="{LEFT + wide + 10}" y="{height + 4:.1f}" fill="{colour}">{escape(label)}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">\n{_STYLE}\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill-opacity:1}.title{font-weight:600;font-size:15px;fill:#222}"
    ".end{text-anchor:end;fill:#555}.middle{text-anchor:middle;fill:#555}.rule{stroke:#ddd}</style>"
)


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _apart(heights: Sequence[float], least: float, lowest: float) -> list[float]:
    """The names in the order of their lines, none over another, and none below the plot."""
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    found, above, below = list(heights), -least, lowest + least
    for place in order:
        above = found[place] = max(heights[place], above + least)
    for place in reversed(order):
        below = found[place] = min(found[place], below - least)
    return found
