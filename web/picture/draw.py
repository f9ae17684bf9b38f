"""The picture as SVG, wide for a desk and tall for a phone. Its colours are in ``static/style.css``."""

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from web.picture.plan import KINDS, Kind, Link, Node, Plan

TITLES: dict[Kind, str] = {"source": "Puts work in", "redis": "Keeps it", "queue": "Queues", "worker": "Workers"}
TITLE, NOTE = 7.6, 6.2
"""Widths of a letter of each, about; what does not fit is told to who points at it."""
INSET = 28
"""Of the words in a box."""


class Box(NamedTuple):
    """Where a node lies."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


class Sheet(NamedTuple):
    """How nodes are laid out: in columns from left to right, or in rows from top to bottom."""

    name: str
    width: float
    box: tuple[float, float]
    gap: tuple[float, float]
    """Between two kinds, and between two of one kind."""
    across: int
    """Nodes beside each other within a row; 0: kinds are columns."""


WIDE = Sheet("wide", 1002, (196, 56), (72, 16), 0)
TALL = Sheet("tall", 360, (170, 54), (60, 12), 2)
HEAD = 30
"""Above each kind, for its name."""


def draw(plan: Plan, words: str) -> Markup:
    """Both pictures; the sheet of styles shows the one that fits. ``words`` say the same to who does not see it."""
    return Markup("").join(_draw(plan, sheet, words) for sheet in (WIDE, TALL))


def _draw(plan: Plan, sheet: Sheet, words: str) -> Markup:
    boxes, heads, height = _columns(plan, sheet) if not sheet.across else _rows(plan, sheet)
    parts = [
        *(_head(kind, x, y, plan.more.get(kind, 0)) for kind, (x, y) in heads.items()),
        *(_link(link, boxes[link.start], boxes[link.end], sheet) for link in plan.links),
        *(_node(node, boxes[node.id]) for node in plan.nodes),
    ]
    return Markup('<svg class="picture {}" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        sheet.name, sheet.width, height, words, Markup("").join(parts)
    )


Layout = tuple[dict[str, Box], dict[Kind, tuple[float, float]], float]


def _columns(plan: Plan, sheet: Sheet) -> Layout:
    width, height = sheet.box
    tallest = max(len(plan.of(kind)) for kind in KINDS)
    total = tallest * height + (tallest - 1) * sheet.gap[1]
    boxes, heads = {}, {}
    for column, kind in enumerate(KINDS):
        nodes, x = plan.of(kind), 1 + column * (width + sheet.gap[0])
        heads[kind] = (x, 14.0)
        top = HEAD + (total - len(nodes) * height - (len(nodes) - 1) * sheet.gap[1]) / 2
        for row, node in enumerate(nodes):
            boxes[node.id] = Box(x, top + row * (height + sheet.gap[1]), width, height)
    return boxes, heads, HEAD + total + 2


def _rows(plan: Plan, sheet: Sheet) -> Layout:
    width, height = sheet.box
    boxes, heads, y = {}, {}, 0.0
    for kind in KINDS:
        nodes = plan.of(kind)
        heads[kind] = (1.0, y + 14)
        y += HEAD
        for start in range(0, len(nodes), sheet.across):
            row = nodes[start : start + sheet.across]
            left = (sheet.width - len(row) * width - (len(row) - 1) * sheet.gap[1]) / 2
            for place, node in enumerate(row):
                boxes[node.id] = Box(left + place * (width + sheet.gap[1]), y, width, height)
            y += height + sheet.gap[1]
        y += sheet.gap[0] - sheet.gap[1] - HEAD / 2
    return boxes, heads, y - sheet.gap[0] + HEAD / 2 + 2


def _head(kind: Kind, x: float, y: float, more: int) -> Markup:
    words = TITLES[kind] + (f", and {more} more" if more else "")
    return Markup('<text class="picture-head" x="{:.0f}" y="{:.0f}">{}</text>').format(x, y, words)


def _node(node: Node, box: Box) -> Markup:
    told = ", ".join(node.findings) or node.note
    return Markup(
        '<g class="{tone}{ghost}"><title>{whole}</title>'
        '<rect class="picture-box" x="{x:.1f}" y="{y:.1f}" width="{width}" height="{height}" rx="9"/>'
        '<circle class="picture-lamp" cx="{cx:.1f}" cy="{cy:.1f}" r="4"/>'
        '<text class="picture-title" x="{tx:.1f}" y="{ty:.1f}">{title}</text>'
        '<text class="picture-note" x="{tx:.1f}" y="{ny:.1f}">{note}</text></g>'
    ).format(
        tone=node.tone,
        ghost=" picture-ghost" if node.ghost else "",
        whole=f"{node.title}: {told}",
        x=box.x,
        y=box.y,
        width=box.width,
        height=box.height,
        cx=box.x + 16,
        cy=box.y + 20,
        tx=box.x + INSET,
        ty=box.y + 24.5,
        ny=box.y + 42,
        title=_short(node.title, box.width, TITLE),
        note=_short(told, box.width, NOTE),
    )


def _short(text: str, width: float, letter: float) -> str:
    letters = int((width - INSET - 8) / letter)
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _link(link: Link, start: Box, end: Box, sheet: Sheet) -> Markup:
    cross = Markup("").join(_cross(*_between(start, end, sheet))) if link.broken else Markup("")
    return Markup('<g class="{}"><path class="picture-way{}" d="{}"/>{}</g>').format(
        link.tone, " picture-broken" if link.broken else "", _curve(start, end, sheet), cross
    )


def _curve(start: Box, end: Box, sheet: Sheet) -> str:
    """From the side of one box that faces the other, bent so that ways that meet run together."""
    if sheet.across:
        x, y = start.middle[0], start.y + start.height
        to_x, to_y = end.middle[0], end.y
        bend = (to_y - y) / 2
        return f"M{x:.1f} {y:.1f}C{x:.1f} {y + bend:.1f} {to_x:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}"
    x, y, to_x, to_y = start.x + start.width, start.middle[1], end.x, end.middle[1]
    bend = (to_x - x) / 2
    return f"M{x:.1f} {y:.1f}C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"


def _between(start: Box, end: Box, sheet: Sheet) -> tuple[float, float]:
    if sheet.across:
        return (start.middle[0] + end.middle[0]) / 2, (start.y + start.height + end.y) / 2
    return (start.x + start.width + end.x) / 2, (start.middle[1] + end.middle[1]) / 2


def _cross(x: float, y: float) -> Iterator[Markup]:
    yield Markup('<circle class="picture-cut" cx="{:.1f}" cy="{:.1f}" r="8"/>').format(x, y)
    yield Markup('<path class="picture-cross" d="M{:.1f} {:.1f}l6 6m0-6l-6 6"/>').format(x - 3, y - 3)
