"""The claims page in a browser: cards can be chosen by section and verdict."""

import pytest
from browser import CHROME, chromium
from places import ROOT

from equivar.verdicts import Verdict
from equivar.verdicts.cards import card

FOUND = {"4.3a": "supported", "4.3b": "contradicted", "4.4a": "supported", "B1": "inconclusive"}
CHANGE = """(([number, value]) => {
  const menu = document.querySelectorAll(".claim-filters select")[number];
  menu.value = value; menu.dispatchEvent(new Event("change"));
})"""
CARDS = "[...document.querySelectorAll('.verdict-card')]"
SHOWN = f"{CARDS}.filter(card => !card.hidden).map(card => card.dataset.claim)"


@pytest.mark.skipif(not CHROME, reason="no Chromium or Chrome is found; see CHROME")
def test_cards_are_chosen_by_section_and_verdict(tmp_path):
    cards = "".join(
        card("It is so.", {"as worded": Verdict(claim, 0.1, 0.0, 0.2, verdict, "Because.")})
        for claim, verdict in FOUND.items()
    )
    script = (ROOT / "book" / "_static" / "claims.js").read_text()
    page = tmp_path / "claims.html"
    page.write_text(f'<p class="claim-filters"></p>{cards}<script>{script}</script>')
    with chromium() as browser:
        browser.open(page.as_uri())
        assert browser.evaluate(SHOWN) == list(FOUND)
        browser.evaluate(f"{CHANGE}([0, '4.3'])")
        assert browser.evaluate(SHOWN) == ["4.3a", "4.3b"]
        browser.evaluate(f"{CHANGE}([1, 'supported'])")
        assert browser.evaluate(SHOWN) == ["4.3a"]
        said = browser.evaluate("document.querySelector('[role=status]').textContent")
        assert said == "1 of 4 claims"
        browser.evaluate(f"{CHANGE}([1, 'all'])")
        browser.evaluate(f"{CHANGE}([0, 'beyond the paper'])")
        assert browser.evaluate(SHOWN) == ["B1"] and not browser.complaints
