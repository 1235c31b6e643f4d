"""A guess is asked, kept on this machine, and shown beside what came out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anl_edu.teach import progress_file
from anl_edu.teach.guess_box import Guess, guess

OPTIONS = {"which is higher?": ("CE", "MAE")}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANL_EDU_PROGRESS", str(tmp_path / "progress.json"))
    progress_file.forget()
    yield
    progress_file.forget()


def test_it_compares_in_the_order_of_its_questions(capsys: pytest.CaptureFixture[str]) -> None:
    box = Guess("99-race", "CE, last (%)", OPTIONS)
    box.fields["CE, last (%)"].value = " 70 "
    box.compare("57 %", "CE")
    assert capsys.readouterr().out.splitlines() == [
        "CE, last (%): 57 % (your guess: 70)",
        "which is higher?: CE",
    ]


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Guess("99-race", "CE, last (%)", OPTIONS)
    first.fields["CE, last (%)"].value = "70"
    first.fields["which is higher?"].value = "MAE"
    first.fields["CE, last (%)"].value = "65"
    progress_file._session.clear()  # another kernel
    again = Guess("99-race", "CE, last (%)", OPTIONS)
    assert again.written == {"CE, last (%)": "65", "which is higher?": "MAE"}
    assert Guess("99-other", "CE, last (%)").written == {}
    kept = json.loads((tmp_path / "progress.json").read_text(encoding="utf-8"))
    assert kept == {
        "guess 99-race: CE, last (%)": "65",
        "guess 99-race: which is higher?": "MAE",
    }


def test_guesses_and_exercises_share_the_file_and_leave_each_other_alone() -> None:
    progress_file.note("99-ce", "right")
    progress_file.note_guess("99-race", "CE", "right")  # a word, not a verdict
    progress_file.note_guess("99-race", "CE", "wrong")
    progress_file.note("99-ce", "wrong")
    assert progress_file.read()["99-ce"] == "right"
    assert progress_file.guesses("99-race") == {"CE": "wrong"}
    progress_file.note_guess("99-race", "CE", "")
    assert progress_file.guesses("99-race") == {}


def test_another_kernels_later_guess_is_not_undone() -> None:
    progress_file.note_guess("99-race", "CE", "mine")
    file = progress_file.path()
    assert file is not None
    file.write_text(json.dumps({"guess 99-race: CE": "theirs"}), encoding="utf-8")
    progress_file.note("99-ce", "right")
    assert progress_file.guesses("99-race") == {"CE": "theirs"}


def test_an_option_that_is_no_longer_offered_is_dropped() -> None:
    progress_file.note_guess("99-race", "which is higher?", "NCE")
    assert Guess("99-race", OPTIONS).written == {}


def test_misuse_is_told() -> None:
    with pytest.raises(ValueError, match="asks nothing"):
        Guess("99-race")
    with pytest.raises(ValueError, match="2 questions, 1 values"):
        Guess("99-race", "one", "two").compare(1)


def test_the_box_is_shown_and_reads_without_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, object]] = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: shown.append((a, k)))
    box = guess("99-race", "<b>CE</b>?")
    assert isinstance(box, Guess)
    box._ipython_display_()
    (bundle,), options = shown[-1]
    assert options == {"raw": True}
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == box.widget.model_id
    assert "&lt;b&gt;CE&lt;/b&gt;?" in bundle["text/html"]
    assert bundle["text/plain"] == "Your guess: <b>CE</b>?"
