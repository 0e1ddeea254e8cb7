"""What a chapter shows of its verdicts, and leaves for the pages."""

import json
import math

import ledger

from equivar.verdicts import Verdict
from equivar.verdicts.report import VARIABLE, report, table


def verdict(claim, name, effect=0.3, reason="it is *1*"):
    return Verdict(claim, effect, effect - 0.1, effect + 0.1, name, reason)


def test_the_table_in_a_chapter_has_both_ways():
    ways = {
        "worded": verdict("4.4c", "supported"),
        "corrected": verdict("4.4c", "not judged", math.nan),
    }
    styler = table(list(ways.items()))
    frame = styler.data
    assert list(frame.index) == [("4.4c", "as worded"), ("4.4c", "corrected for chance")]
    assert frame.iloc[1]["verdict"] == "– not judged" and frame.iloc[1]["95 % interval"] == ""
    html = styler.to_html()
    assert "✓ supported" in html and "background-color: #007A5A; color: white" in html


def test_a_verdict_without_numbers_is_written_as_json_has_it(tmp_path, monkeypatch):
    path = tmp_path / "01-a.verdicts.json"
    monkeypatch.setenv(VARIABLE, str(path))
    report([Verdict("4.3a", math.nan, math.nan, math.nan, "not judged", "no runs")])
    assert json.loads(path.read_text()) == [
        {"judged": "worded", "claim": "4.3a", "effect": None, "low": None, "high": None,
         "verdict": "not judged", "reason": "no runs", "count": 0}
    ]  # fmt: skip
    [row] = ledger.claims_in(tmp_path / "01-a.ipynb")
    assert math.isnan(row.effect) and row.chapter == "01-a"
