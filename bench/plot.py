"""docs/performance.svg: how many times better than RQ, a bar for each figure, drawn without a library."""

from html import escape
from math import log10

from bench.results import Row, number

WIDTH, LEFT, RIGHT, TOP, STEP, BAR = 760, 250, 70, 56, 30, 18
TICKS = (1, 2, 5, 10, 20, 50, 100)
LEAST = 0.5
SHORT_OF = "#c44e52"
GOOD = "#4c72b0"


def svg(rows: list[Row]) -> str:
    """Bars on a logarithmic scale; a line through a bar is what it must reach."""
    shown = [(row, row.ratio) for row in rows if row.ratio]
    height = TOP + STEP * len(shown) + 20
    most = max([TICKS[-1], *(ratio for _, ratio in shown)])

    def x(ratio: float) -> float:
        part = log10(max(ratio, LEAST) / LEAST) / log10(most / LEAST)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(10, 20, "How many times better than RQ's SimpleWorker (more is better; logarithmic)", size=14),
    ]
    for tick in TICKS:
        parts.append(_line(x(tick), TOP - 8, height - 12, "#888" if tick == 1 else "#ddd"))
        parts.append(_text(x(tick), TOP - 12, f"{tick} ×", anchor="middle"))
    for place, (row, ratio) in enumerate(shown):
        y = TOP + place * STEP
        start, end = sorted((x(1), x(ratio)))
        colour = SHORT_OF if row.met is False else GOOD
        parts.append(_text(10, y + 14, row.title))
        parts.append(f'<rect x="{start:.1f}" y="{y}" width="{end - start:.1f}" height="{BAR}" fill="{colour}"/>')
        if row.goal and row.goal.times:
            parts.append(_line(x(row.goal.times), y - 3, y + BAR + 3, "black"))
        parts.append(_text(end + 6, y + 14, f"{number(ratio)} ×"))
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _line(x: float, top: float, bottom: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>'
