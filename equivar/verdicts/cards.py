"""Verdicts as cards: the claim, what was found in a sentence, and the interval on a line.

Plain HTML with pictures inside, for notebooks and pages alike; ink follows the theme of the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import asinh, isfinite

from equivar.verdicts.verdict import COLOURS, SIGNS, Verdict, effect_words

LIGHT = ("inconclusive", "not judged")  # verdicts on a light ground
WIDTH, HEIGHT = 260, 34
TICKS = (-100, -10, -1, 0, 1, 10, 100)
SHADE = 'fill="#007A5A" opacity="0.16"'  # of the paper's side
FOREST = {"label": 350, "line": 420, "row": 24}


def badge(verdict: str) -> str:
    """The verdict in words on its colour."""
    ink = "black" if verdict in LIGHT else "white"
    return (
        f'<span style="background-color: {COLOURS[verdict]}; color: {ink}; font-weight: 600; '
        f'padding: 0.1em 0.5em; border-radius: 0.25em; white-space: nowrap">'
        f"{SIGNS[verdict]} {verdict}</span>"
    )


def card(words: str, ways: Mapping[str, Verdict]) -> str:
    """One claim: `words` is what it says, `ways` its verdicts by how they were reached.

    The first is shown, the others are folded.
    """
    (way, first), *others = ways.items()
    folded = "".join(
        f"<details><summary>{escape(name)}: {badge(one.verdict)}</summary>{_found(one)}</details>"
        for name, one in others
    )
    return (
        f'<div class="verdict-card" data-claim="{first.claim}" data-verdict="{first.verdict}" '
        'style="border: 1px solid #8885; border-radius: 0.4em; '
        'padding: 0.6em 0.9em; margin: 0.7em 0">'
        f"<div><strong>{first.claim}</strong> {escape(words)}</div>"
        f'<div style="margin-top: 0.4em">{badge(first.verdict)} '
        f'<small style="opacity: 0.8">{escape(way)}</small></div>'
        f"{_found(first)}{folded}</div>"
    )


def _found(verdict: Verdict) -> str:
    """The interval on a line, and the sentence."""
    line = interval_line(verdict) if isfinite(verdict.low) else ""
    return f'{line}<p style="margin: 0.3em 0">{escape(verdict.reason)}</p>'


def interval_line(verdict: Verdict) -> str:
    """The effect with its interval on a line, the paper's side shaded, as an SVG picture."""
    bounds = [one for one in (verdict.above, verdict.below) if isfinite(one)]
    seen = [verdict.low, verdict.high, 0.0, *bounds]
    reach = max(max(seen) - min(seen), 1e-9)
    start, stop = min(seen) - 0.12 * reach, max(seen) + 0.12 * reach

    def at(value: float) -> float:
        return 8 + (WIDTH - 16) * (min(max(value, start), stop) - start) / (stop - start)

    shaded = ""
    if bounds:
        low = at(verdict.above) if isfinite(verdict.above) else 8
        high = at(verdict.below) if isfinite(verdict.below) else WIDTH - 8
        shaded = f'<rect x="{low:.1f}" y="4" width="{high - low:.1f}" height="16" {SHADE}/>'
    words = f"{verdict.effect:+.3f}, 95 % interval {verdict.low:+.3f} to {verdict.high:+.3f}"
    return (
        f'<svg role="img" aria-label="{words}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" style="max-width: 100%; display: block; color: inherit">'
        f"<title>{words}</title>{shaded}"
        f'<line x1="8" x2="{WIDTH - 8}" y1="12" y2="12" stroke="currentColor" opacity="0.35"/>'
        f'<line x1="{at(0):.1f}" x2="{at(0):.1f}" y1="4" y2="20" stroke="currentColor"/>'
        f'<text x="{at(0):.1f}" y="31" font-size="10" text-anchor="middle" '
        'fill="currentColor">0</text>'
        f"{_interval(at(verdict.low), at(verdict.high), at(verdict.effect), 12, verdict.verdict)}"
        "</svg>"
    )


def _interval(low: float, high: float, effect: float, y: float, verdict: str) -> str:
    colour = COLOURS[verdict] if verdict not in LIGHT else "#8a8a8a"
    return (
        f'<line x1="{low:.1f}" x2="{max(high, low + 1):.1f}" y1="{y}" y2="{y}" '
        f'stroke="{colour}" stroke-width="4"/>'
        f'<circle cx="{effect:.1f}" cy="{y}" r="4.5" fill="{colour}"/>'
    )


def forest(rows: Sequence[tuple[str, Verdict, float]]) -> str:
    """All claims under each other: (label, verdict, smallest effect of interest) each.

    Effects are in units of the smallest effect of interest, in the direction of the claim, so that
    claims of different kinds stand on one line; the scale is nearly logarithmic. Claims without an
    interval are left out.
    """
    rows = [row for row in rows if isfinite(row[1].low) and row[2] > 0]
    label, line, step = FOREST.values()
    width, height = label + line + 20, step * len(rows) + 46

    def at(value: float) -> float:
        return label + line * (0.5 + 0.5 * asinh(min(max(value, -100), 100)) / asinh(100))

    parts = [
        f'<line x1="{at(tick):.1f}" x2="{at(tick):.1f}" y1="8" y2="{height - 34}" '
        f'stroke="currentColor" opacity="{0.7 if tick == 0 else 0.15}"/>'
        f'<text x="{at(tick):.1f}" y="{height - 20}" font-size="11" text-anchor="middle" '
        f'fill="currentColor">{tick}</text>'
        for tick in TICKS
    ]
    for number, (words, verdict, smallest) in enumerate(rows):
        y = 18 + number * step
        sign = -1 if isfinite(verdict.below) and not isfinite(verdict.above) else 1
        ends = sorted(sign * one / smallest for one in (verdict.low, verdict.high))
        if isfinite(verdict.above) and isfinite(verdict.below):  # equal: the margin is shaded
            low, high = at(verdict.above / smallest), at(verdict.below / smallest)
            parts.append(
                f'<rect x="{low:.1f}" y="{y - 9}" width="{high - low:.1f}" height="18" {SHADE}/>'
            )
        elif bound := next((one for one in (verdict.above, verdict.below) if isfinite(one)), 0):
            x = at(sign * bound / smallest)
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 9}" y2="{y + 9}" '
                'stroke="currentColor" stroke-width="2"/>'
            )
        effect = effect_words(verdict.effect, verdict.low, verdict.high)
        parts.append(
            f"<g><title>{escape(words)}: {verdict.verdict}, {effect}</title>"
            f'<text x="4" y="{y + 4}" font-size="12" fill="currentColor">'
            f"{escape(_short(words))}</text>"
            + _interval(*map(at, ends), at(sign * verdict.effect / smallest), y, verdict.verdict)
            + "</g>"
        )
    parts.append(
        f'<text x="{at(0):.1f}" y="{height - 4}" font-size="11" text-anchor="middle" '
        'fill="currentColor">effect, in smallest effects of interest; right: as the claim has it'
        "</text>"
    )
    return (
        f'<svg role="img" aria-label="Effects of {len(rows)} claims with their intervals" '
        f'viewBox="0 0 {width} {height}" style="max-width: 100%; width: {width}px; color: inherit">'
        + "".join(parts)
        + "</svg>"
    )


def _short(words: str, most: int = 52) -> str:
    return words if len(words) <= most else words[: words.rfind(" ", 0, most)] + " …"
