"""Bars as an SVG: ``python -m bench.draw``, run by the interpreter of ``.bench/plot``, JSON in and the drawing out.

The JSON is what ``bench.plot`` makes. Colours follow the reader's light or dark page.
"""

import json
import sys
from typing import Any

import pygal
from pygal.style import Style

WIDTH, STEP, FRAME, GAP = 760, 30, 55, 6
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
STYLE = Style(
    font_family="system-ui, sans-serif",
    title_font_size=16,
    label_font_size=13,
    major_label_font_size=13,
    value_font_size=13,
)
CSS = """inline:
text { fill: #1f2328; stroke: none; }
.title { font-weight: 600; text-anchor: middle; }
.axis.x text { text-anchor: middle; }
.axis.y text { text-anchor: end; }
.text-overlay text { text-anchor: start; }
.graph > .background, .plot > .background { fill: none; }
.axis path { fill: none; stroke: #8b949e; stroke-opacity: 0.4; }
.axis.y .guide { stroke: none; }
.ours { fill: #2f81f7; }
.theirs { fill: #8b949e; }
.short { fill: #d1603d; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }
"""


def draw(plot: dict[str, Any]) -> str:
    """First bar on top, what it says after its end."""
    bars = plot["bars"][::-1]
    most = max(bar["value"] for bar in bars)
    logarithmic = plot["logarithmic"]
    chart = pygal.HorizontalBar(
        css=[CSS],
        js=[],
        style=STYLE,
        no_prefix=True,
        title=plot["title"],
        width=WIDTH,
        height=FRAME + STEP * (len(bars) + 1),
        explicit_size=True,
        margin_right=80,
        show_legend=False,
        print_values=True,
        print_values_position="top",
        truncate_label=-1,
        logarithmic=logarithmic,
        max_scale=6,
        value_formatter=lambda value: f"{value:,.0f}",
        zero=1 if logarithmic else 0,
    )
    chart.x_labels = [bar["label"] for bar in bars]
    if logarithmic:
        chart.y_labels = [{"value": tick, "label": f"{tick:g} ×"} for tick in TICKS if tick <= most]
    chart.add("", [{"value": bar["value"], "formatter": _says(bar["text"])} for bar in bars])
    chart.add_xml_filter(lambda root: _tidy(root, [bar["kind"] for bar in bars]))
    return str(chart.render(is_unicode=True))


def _says(text: str) -> Any:
    return lambda _value: text


def _tidy(root: Any, kinds: list[str]) -> Any:
    """No scripts, and no date, so that the same numbers make the same file; each bar's text at its right end."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag == "script":
                parent.remove(child)
    bars = [rect for rect in root.iter("rect") if "reactive" in rect.get("class", "")]
    texts = [text for text in root.iter("text") if text.get("class") == "value"]
    for bar, text, kind in zip(bars, texts, kinds, strict=True):
        bar.set("class", kind)
        if bar.get("x") is None:  # too short to be drawn
            continue
        text.set("x", str(float(bar.get("x")) + float(bar.get("width")) + GAP))
    return root


if __name__ == "__main__":
    sys.stdout.write(draw(json.load(sys.stdin)))
