"""What a chapter shows of its verdicts, and leaves for the pages."""

import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import ledger

from equivar.verdicts import SIGNS, VERDICTS, Claim, Verdict
from equivar.verdicts.cards import badge, forest, interval_line
from equivar.verdicts.report import VARIABLE, report
from equivar.verdicts.verdict import COLOURS


def verdict(claim, name, effect=0.3, reason="it is *1*"):
    return Verdict(claim, effect, effect - 0.1, effect + 0.1, name, reason)


def test_a_claim_is_a_card_with_both_ways():
    found = report(
        [verdict("4.4c", "supported"), verdict("4.4a", "negligible")],
        [verdict("4.4c", "not judged", math.nan, "no <runs>")],
        {"4.4c": Claim("Invariance & equivariance are equal.")},
    )
    html = found._repr_html_()
    ElementTree.fromstring(f"<page>{html}</page>")
    assert html.count('class="verdict-card"') == 2 and html.count("<details>") == 1
    assert "<strong>4.4c</strong> Invariance &amp; equivariance are equal." in html
    assert "✓ supported</span> " in html and "background-color: #007A5A; color: white" in html
    assert "corrected for chance: <span" in html and "– not judged</span>" in html
    assert "no &lt;runs&gt;" in html and "≈ negligible" in html
    assert html.count("<svg") == 2  # what is not judged has no interval
    assert repr(found).splitlines() == [
        "4.4c supported: it is *1* (as worded)",
        "4.4c not judged: no <runs> (corrected for chance)",
        "4.4a negligible: it is *1* (as worded)",
    ]


def test_every_verdict_has_a_sign_and_a_colour():
    assert list(COLOURS) == list(SIGNS) == list(VERDICTS)
    for name in VERDICTS:
        assert f"{SIGNS[name]} {name}" in badge(name) and COLOURS[name] in badge(name)


def test_an_interval_is_drawn_with_the_side_that_the_paper_says():
    one = verdict("4.3a", "supported")
    assert "<rect" not in interval_line(one)
    for sides in ({"above": 0.0}, {"below": 0.0}, {"above": -0.1, "below": 0.1}):
        line = interval_line(replace(one, **sides))
        ElementTree.fromstring(line)
        assert line.count("<rect") == 1 and "+0.300, 95 % interval +0.200 to +0.400" in line


def test_a_point_can_be_drawn():
    ElementTree.fromstring(interval_line(Verdict("4.3a", 0.0, 0.0, 0.0, "negligible", "x")))


def test_a_forest_has_every_claim_with_an_interval():
    rows = [
        ("Rises", replace(verdict("4.3a", "supported"), above=0.0), 0.05),
        ("Falls < 0", replace(verdict("4.6f", "contradicted"), below=0.0), 0.2),
        ("Equal", replace(verdict("4.4c", "supported"), above=-0.05, below=0.05), 0.05),
        ("Not judged", verdict("4.5a", "not judged", math.nan), 0.05),
        ("Kept", verdict("B3", "supported"), math.nan),
    ]
    page = ElementTree.fromstring(forest(rows))
    assert len(page.findall(".//g")) == 3 and len(page.findall(".//rect")) == 1
    rises, falls, _ = (float(g.find("circle").get("cx")) for g in page.findall("g"))
    middle = 330 + 420 / 2
    assert falls < middle < rises  # to the right: as the claim has it


def test_a_verdict_without_numbers_is_written_as_json_has_it(tmp_path, monkeypatch):
    path = tmp_path / "01-a.verdicts.json"
    monkeypatch.setenv(VARIABLE, str(path))
    report([Verdict("4.3a", math.nan, math.nan, math.nan, "not judged", "no runs")])
    assert json.loads(path.read_text()) == [
        {"judged": "worded", "claim": "4.3a", "effect": None, "low": None, "high": None,
         "verdict": "not judged", "reason": "no runs", "count": 0, "above": None, "below": None}
    ]  # fmt: skip
    [row] = ledger.claims_in(tmp_path / "01-a.ipynb")
    assert math.isnan(row.effect) and row.chapter == "01-a"
