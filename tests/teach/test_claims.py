"""Claims show the number first, and the tests hold the verdict alone."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import IPython
import pytest

from anl_edu.teach import page
from anl_edu.teach.claims_card import claims

CONFIG = Path(__file__).resolve().parents[1] / "nbval.cfg"


def sanitised(text: str) -> str:
    """What nbval compares."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(CONFIG, encoding="utf-8")
    for section in config.sections():
        text = re.sub(config[section]["regex"], config[section]["replace"], text)
    return text


def test_in_a_terminal_each_claim_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    claims(("CE falls", "34 points", True), ("ANL does", 1.5, False))
    assert capsys.readouterr().out.splitlines() == [
        "yes: CE falls · measured: 34 points",
        "no: ANL does · measured: 1.5",
    ]


@pytest.fixture
def on_a_page(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda what, raw: shown.append(what))
    return shown


def test_another_number_is_the_same_claim_and_another_verdict_is_not(
    on_a_page: list[dict[str, Any]],
) -> None:
    for measured, holds in (("34 points", True), ("31 <points>", True), ("34 points", False)):
        claims(("CE falls", measured, holds))
    forms = [{k: sanitised(v) for k, v in bundle.items()} for bundle in on_a_page]
    assert forms[0] == forms[1]
    for kind in ("text/plain", "text/html"):
        assert forms[0][kind] != forms[2][kind]
    assert "31 &lt;points&gt;" in on_a_page[1]["text/html"]
    assert "anl-right" in on_a_page[0]["text/html"]
    assert "anl-wrong" in on_a_page[2]["text/html"]


def test_a_card_says_in_words_what_its_colour_says(on_a_page: list[dict[str, Any]]) -> None:
    page.say("x: right.", page.card("right", "x: right", page.paragraph("because `a < b`")))
    (bundle,) = on_a_page
    assert bundle["text/plain"] == "x: right."
    assert "<strong>x: right</strong><p>because <code>a &lt; b</code></p>" in bundle["text/html"]
    assert "role='status'" in bundle["text/html"]
