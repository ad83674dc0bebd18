"""Draws the timeline of one run: who led, what was acked, what was done, and what readers saw."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tests.failover.evidence import Evidence
from tests.failover.summary import Summary
from tests.failover.timeline import BIN_SECONDS, Moment, Timeline, timeline

# Told apart by the colour-blind too.
NODES = ("#2f6db3", "#e5921a", "#2a9d8f", "#8d6e63")
REFUSED, UNKNOWN, WAITING = "#b8c0cc", "#7a3e9d", "#e6dcf0"
FAULT, HEAL, NOTE = "#c62f3b", "#3c7a3c", "#7d8694"
LEAK = "#e0001b"
HELD, DOWN = "#5b8c7b", "#c3c9d2"
INK, QUIET, TRACK = "#1f2937", "#6b7280", "#eef1f5"

MOMENTS = {"fault": FAULT, "heal": HEAL, "note": NOTE}

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": "#d0d5dd",
    "axes.labelcolor": QUIET,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "svg.hashsalt": "gardenos",
}

# Inches; a README shows it about 900 pixels wide.
WIDTH = 10.5
LABEL_ROW, NODE_ROW, PATH_ROW, BARS, SPACE, HEAD, FOOT = 0.24, 0.34, 0.2, 1.9, 0.12, 0.92, 0.85


def draw_run(
    evidence: Evidence, place: Path, title: str, summary: Summary | None = None
) -> Timeline:
    """Draw a run to `place` with the suffixes .svg, .png and .json.

    Args:
        evidence: of the run.
        place: a path without suffix.
        title: what stands above.
        summary: its numbers, with what the invariants counted as lost (`Verdict.summary`).
    """
    found = timeline(evidence, title, summary)
    found.dump(place.with_name(place.name + ".json"))
    with matplotlib.rc_context(STYLE):
        figure = draw(found)
        for suffix in (".svg", ".png"):
            figure.savefig(
                place.with_name(place.name + suffix),
                dpi=170,
                facecolor="white",
                metadata={"Date": None} if suffix == ".svg" else None,
            )
    return found


def draw(found: Timeline) -> Figure:
    """The picture; its height follows from how many nodes, paths and labels there are."""
    colours = {node: NODES[index % len(NODES)] for index, node in enumerate(found.nodes)}
    rows = label_rows(found)
    paths = _paths(found)
    heights = [
        max(1, max(rows, default=0) + 1) * LABEL_ROW,
        max(1, len(colours)) * NODE_ROW,
        BARS,
        max(1, len(paths)) * PATH_ROW,
    ]
    height = sum(heights) + 3 * SPACE + HEAD + FOOT
    figure = Figure(figsize=(WIDTH, height))
    grid = figure.add_gridspec(
        4,
        1,
        height_ratios=heights,
        hspace=SPACE / (sum(heights) / 4),
        left=0.095,
        right=0.985,
        top=1 - HEAD / height,
        bottom=FOOT / height,
    )
    labels = figure.add_subplot(grid[0])
    others = [figure.add_subplot(grid[row], sharex=labels) for row in (1, 2, 3)]
    labels.set_xlim(found.begin, found.end)
    _labels(labels, found.moments, rows)
    _leaders(others[0], found, colours)
    _bars(others[1], found, colours)
    _looks(others[2], found, paths)
    for axes, inches in zip(others, heights[1:], strict=True):
        for moment in found.moments:
            # up to the panel above, so that the line has no breaks
            axes.axvline(
                moment.at,
                ymax=1 + SPACE / inches,
                color=MOMENTS[moment.kind],
                lw=1,
                ls=_dashes(moment),
                zorder=4,
                clip_on=False,
            )
    for axes in (labels, *others[:2]):
        axes.tick_params(labelbottom=False, bottom=False)
    others[2].set_xlabel(
        "seconds from the fault" if _has_fault(found) else "seconds from the beginning"
    )
    _head(figure, found, height)
    _legend(figure, found, colours)
    return figure


def label_rows(found: Timeline) -> list[int]:
    """The row of each moment's label: the lowest one that is free there."""
    span = max(found.end - found.begin, 0.001)
    ends: list[float] = []
    rows = []
    for moment in found.moments:
        # about 0.078 inches for a letter of this size
        width = (len(moment.label) * 0.078 + 0.15) / (WIDTH * 0.89) * span
        begin = moment.at - width if _flips(moment, found) else moment.at
        row = next((index for index, end in enumerate(ends) if end <= begin), len(ends))
        ends[row : row + 1] = [begin + width]
        rows.append(row)
    return rows


def _flips(moment: Moment, found: Timeline) -> bool:
    """Whether a label stands to the left of its moment: near the right edge."""
    return moment.at > found.begin + 0.8 * (found.end - found.begin)


def _has_fault(found: Timeline) -> bool:
    return any(moment.kind == "fault" for moment in found.moments)


def _dashes(moment: Moment) -> str:
    return ":" if moment.kind == "note" else "-"


def _labels(axes: Axes, moments: Sequence[Moment], rows: Sequence[int]) -> None:
    axes.set_axis_off()
    axes.set_ylim(-0.1, max(rows, default=0) + 1)
    left, right = axes.get_xlim()
    for moment, row in zip(moments, rows, strict=True):
        colour = MOMENTS[moment.kind]
        flips = moment.at > left + 0.8 * (right - left)
        axes.plot([moment.at] * 2, [-0.1, row + 0.62], color=colour, lw=1, ls=_dashes(moment))
        axes.annotate(
            moment.label,
            (moment.at, row + 0.38),
            xytext=(-4 if flips else 4, 0),
            textcoords="offset points",
            ha="right" if flips else "left",
            va="center",
            color=colour,
            fontsize=9.5,
            fontweight="bold" if moment.kind == "fault" else "normal",
        )


def _leaders(axes: Axes, found: Timeline, colours: dict[str, str]) -> None:
    """A track for each node, filled while it answers /primary."""
    order = list(colours)
    for index, node in enumerate(order):
        axes.barh(index, found.end - found.begin, left=found.begin, height=0.62, color=TRACK)
        for reign in found.reigns:
            if reign.node != node:
                continue
            length = reign.end - reign.begin
            axes.barh(index, length, left=reign.begin, height=0.62, color=colours[node], zorder=2)
            inside = length > 0.12 * (found.end - found.begin)
            number = "" if reign.timeline is None else f"timeline {reign.timeline}"
            axes.annotate(
                f"leads, {number}".removesuffix(", ") if inside else number,
                (reign.begin + length / 2 if inside else reign.end, index),
                xytext=(0 if inside else 6, -0.5),
                textcoords="offset points",
                ha="center" if inside else "left",
                va="center",
                color="white" if inside else colours[node],
                fontsize=9,
                zorder=5,
            )
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(max(1, len(order)) - 0.5, -0.5)
    _frameless(axes)


def _bars(axes: Axes, found: Timeline, colours: dict[str, str]) -> None:
    """Acked writes upwards by node, tries without an ack downwards; the gap is shaded."""
    for each in found.bins:
        base = 0
        for node, count in each.acked.items():
            _bar(axes, each.begin, count, base, colours.get(node, QUIET))
            base += count
        base = 0
        for count, colour in (
            (each.refused, REFUSED),
            (each.unknown, UNKNOWN),
            (each.waiting, WAITING),
        ):
            _bar(axes, each.begin, -count, base, colour)
            base -= count
    highest = max((sum(each.acked.values()) for each in found.bins), default=1)
    lowest = max((each.refused + each.unknown + each.waiting for each in found.bins), default=0)
    axes.set_ylim(-max(lowest * 1.1, highest * 0.12), highest * 1.4)
    axes.axhline(0, color="#9aa3af", lw=0.8)
    axes.set_ylabel("writes per 100 ms", fontsize=9)
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    _frameless(axes)
    if found.gap is not None and _has_fault(found):
        _gap(axes, found.gap, highest)


def _bar(axes: Axes, begin: float, count: int, base: int, colour: str) -> None:
    if count:
        width = BIN_SECONDS if colour == WAITING else BIN_SECONDS * 0.88
        axes.bar(begin, count, width, base, align="edge", color=colour)


def _gap(axes: Axes, gap: tuple[float, float], highest: int) -> None:
    begin, end = gap
    left, right = axes.get_xlim()
    wide = end - begin > 0.2 * (right - left)
    axes.axvspan(begin, end, color=FAULT, alpha=0.07, lw=0, zorder=0)
    axes.annotate(
        "",
        (begin, highest * 0.9),
        (end, highest * 0.9),
        arrowprops={"arrowstyle": "<->", "color": INK, "lw": 1, "shrinkA": 0, "shrinkB": 0},
    )
    axes.annotate(
        f"{end - begin:.1f} s without a write",
        ((begin + end) / 2 if wide else begin, highest * 1.19),
        xytext=(0 if wide else 4, 0),
        textcoords="offset points",
        ha="center" if wide else "left",
        va="center",
        fontsize=10.5,
        fontweight="bold",
        zorder=6,
    )


def _paths(found: Timeline) -> list[str]:
    seen = {look.path for look in found.looks}
    return [path for path in ("rw", "ro", *found.nodes) if path in seen]


def _looks(axes: Axes, found: Timeline, paths: Sequence[str]) -> None:
    """A row for each path: a tick for each probe, a short one without an answer, leaks crossed."""
    for verdict, colour, half in (("down", DOWN, 0.13), ("held", HELD, 0.3)):
        chosen = [look for look in found.looks if look.verdict == verdict]
        _ticks(axes, [(look.at, paths.index(look.path)) for look in chosen], colour, half)
    leaks = [look for look in found.looks if look.verdict in ("broken", "blind")]
    axes.scatter(
        [look.at for look in leaks],
        [paths.index(look.path) for look in leaks],
        marker="X",
        color=LEAK,
        s=60,
        zorder=6,
    )
    axes.set_yticks(range(len(paths)), [f"via {path}" for path in paths], fontsize=8.5)
    axes.set_ylim(max(1, len(paths)) - 0.4, -0.6)
    _frameless(axes)


def _ticks(axes: Axes, places: Sequence[tuple[float, int]], colour: str, half: float) -> None:
    """Vertical ticks as one line with holes: a marker for each would make a large file."""
    across = [part for at, _ in places for part in (at, at, float("nan"))]
    along = [part for _, row in places for part in (row - half, row + half, float("nan"))]
    axes.plot(across, along, color=colour, lw=0.9, solid_capstyle="butt")


def _frameless(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)


def _head(figure: Figure, found: Timeline, height: float) -> None:
    numbers = found.summary
    told = [
        *([] if found.gap is None else [f"write gap {found.gap[1] - found.gap[0]:.1f} s"]),
        f"{_thousands(numbers.acked)} writes acknowledged",
        *([] if numbers.lost is None else [f"{numbers.lost} lost"]),
        f"{_thousands(numbers.probes)} isolation probes",
        f"{numbers.leaked} leaks",
    ]
    figure.text(0.015, 1 - 0.3 / height, found.title, fontsize=14, fontweight="bold", va="center")
    figure.text(0.015, 1 - 0.6 / height, "  ·  ".join(told), fontsize=10, color=QUIET, va="center")


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _legend(figure: Figure, found: Timeline, colours: dict[str, str]) -> None:
    ackers = {node for each in found.bins for node in each.acked}
    bars = [(f"acked by {node}", colour) for node, colour in colours.items() if node in ackers]
    bars += [
        (label, colour)
        for label, colour, shown in (
            ("refused, not written", REFUSED, any(each.refused for each in found.bins)),
            ("unknown, retried by key", UNKNOWN, any(each.unknown for each in found.bins)),
            ("waiting", WAITING, any(each.waiting for each in found.bins)),
        )
        if shown
    ]
    verdicts = {look.verdict for look in found.looks}
    ticks = [
        Line2D([], [], color=colour, marker=marker, ls="", ms=size, mew=1.2, label=label)
        for label, colour, marker, size, shown in (
            ("probe: apart", HELD, "|", 8, "held" in verdicts),
            ("no answer", DOWN, "|", 4, "down" in verdicts),
            ("LEAK", LEAK, "X", 8, bool(verdicts & {"broken", "blind"})),
        )
        if shown
    ]
    handles = [*(Patch(color=colour, label=label) for label, colour in bars), *ticks]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.01, 0.0),
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        handlelength=1,
        handleheight=1,
        handletextpad=0.5,
        columnspacing=1.2,
    )


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw_run(Evidence.load(source), source.with_suffix(""), " ".join(sys.argv[2:]) or source.stem)
