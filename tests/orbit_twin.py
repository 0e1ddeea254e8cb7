"""The literal twin of `equivar.orbits`: plain loops in float64, as its docstrings tell it.

It shares no code with the package. A layer is a function image (C, H, W) -> map (C', H', W').
"""

import math

import twin


def mean_scores(layer, images, turns, partner=0):
    """S of G_c beside F_c', averaged over images; F of the image `partner` places before."""
    tables = []
    for number in range(partner, len(images)):
        f = twin.rotate(layer(images[number - partner]), turns)
        g = layer(twin.rotate(images[number], turns))
        f, g = f.reshape(len(f), -1), g.reshape(len(g), -1)
        tables.append([[twin.similarity(a, b, "correlation") for b in f] for a in g])
    channels = range(len(tables[0]))
    return [[twin.nanmean([t[c][d] for t in tables]) for d in channels] for c in channels]


def best(scores):
    return [max(range(len(row)), key=row.__getitem__) for row in scores]


def orbits_of(match):
    """Every cycle, by following each channel as often as there are channels."""
    found = set()
    for start in range(len(match)):
        path = [start]
        for _ in match:
            path.append(match[path[-1]])
        if start in path[1:]:
            cycle = path[: path.index(start, 1)]
            if start == min(cycle):
                found.add(tuple(cycle))
    return sorted(found)


def along(scores, cycle):
    return [scores[c][cycle[(i + 1) % len(cycle)]] for i, c in enumerate(cycle)]


def for_channels(scores):
    """Each score beside what its two channels score with others."""
    n = range(len(scores))
    row = [math.sqrt(sum(scores[c][d] ** 2 for d in n if d != c) / (len(n) - 1)) for c in n]
    column = [math.sqrt(sum(scores[c][d] ** 2 for c in n if d != c) / (len(n) - 1)) for d in n]
    return [[scores[c][d] / math.sqrt(row[c] * column[d]) for d in n] for c in n]


def ranks(values):
    return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]


def likeness(scores, cycles):
    n = range(len(scores))
    used = {(c, cycle[(i + 1) % len(cycle)]) for cycle in cycles for i, c in enumerate(cycle)}
    free = [(c, d) for c in n for d in n if c != d and not {(c, d), (d, c)} & used]
    if len(free) < 6:
        return 1.0
    x = ranks([scores[c][d] for c, d in free])
    y = ranks([scores[d][c] for c, d in free])
    mx, my = sum(x) / len(x), sum(y) / len(y)
    both = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return max(0, both / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y)))


def expected(scores, wrong, known=()):
    """By cycle: how many as strong chance gives."""
    n = len(scores)
    cycles = [cycle for cycle in orbits_of(best(scores)) if len(cycle) in (1, 2, 4)]
    relative = for_channels(scores)
    power = {1: 1, 2: 2 / (1 + likeness(relative, cycles)), 4: 3}
    possible = {1: n, 2: math.comb(n, 2), 4: math.comb(n, 4) * 6}
    result = {}
    for cycle in cycles:
        tables = [scores] if len(cycle) == 1 else [scores, relative]
        hidden = set()
        for other in cycles:
            as_strong = all(min(along(t, other)) >= min(along(t, cycle)) - 1e-5 for t in tables)
            if as_strong or other in known:
                hidden |= {(c, other[(i + 1) % len(other)]) for i, c in enumerate(other)}
        rest = [(c, d) for c in range(n) for d in range(n) if c != d and (c, d) not in hidden]
        reach = sum(all(t[c][d] >= min(along(t, cycle)) for t in tables) for c, d in rest)
        tail = (1 + reach) / (1 + len(rest))
        decoys = [one for one in orbits_of(best(wrong)) if len(one) == len(cycle)]
        weaker = sum(min(along(wrong, one)) >= min(along(scores, cycle)) for one in decoys)
        result[cycle] = possible[len(cycle)] * tail ** power[len(cycle)] + weaker
    levels = {c: (min(along(scores, c)), min(along(relative, c))) for c in cycles}
    return {
        cycle: min(
            result[other]
            for other in cycles
            if len(other) == len(cycle)
            and all(a <= b + 1e-5 for a, b in zip(levels[other], levels[cycle], strict=True))
        )
        for cycle in cycles
    }


def q_values(by_chance):
    weighted = {c: e * {1: 2, 2: 4, 4: 4}[len(c)] for c, e in by_chance.items()}
    q = {}
    for cycle, e in weighted.items():
        levels = [level for level in weighted.values() if level >= e]
        q[cycle] = min(
            1, *(level / sum(other <= level for other in weighted.values()) for level in levels)
        )
    return q
