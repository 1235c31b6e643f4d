"""Exercises: what check says, and every registered exercise against its own bank.

A new ``exercises.py`` in a lesson's folder is covered by registering its exercises on import.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import IPython.display
import numpy as np
import pytest
import sympy
import torch
from filelock import FileLock
from torch import Tensor

from anl_edu import teach
from anl_edu.teach import exercise as core
from anl_edu.teach import judges, progress_file
from anl_edu.teach.answers import AnswerError, as_numbers, blank
from anl_edu.teach.exercise import Exercise

ALL = core.all_exercises()
each = pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)


def ce(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy, one value per sample."""
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def twice(logits: Tensor, targets: Tensor) -> Tensor:
    """The mistake of a softmax too many."""
    return ce(logits.softmax(1), targets)


@pytest.fixture
def exercise(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One exercise of our own, alone in the registry; nothing is remembered."""
    monkeypatch.setattr(core, "_registry", {})
    monkeypatch.setattr(core, "all_exercises", lambda: list(core._registry.values()))
    core.register(
        Exercise(
            name="99-ce",
            lesson=99,
            difficulty=2,
            task="Write cross entropy per sample.",
            judge=judges.judge_loss(ce, {"sign": lambda z, y: -ce(z, y), "softmax": twice}),
            hints={"sign": "the sign is turned.", "softmax": "there is a softmax too many."},
            general_hints=["Think of log_softmax.", "Gather the label's column."],
            solution="def ce(logits, targets):\n    ...\n",
        )
    )
    teach.forget()
    yield "99-ce"
    teach.forget()


def said(capsys: pytest.CaptureFixture[str], answer: Any) -> str:
    """What check prints about an answer."""
    teach.check("99-ce", answer)
    return capsys.readouterr().out


def by_hand(logits: Any, targets: Any) -> Any:
    """A right answer in another form: NumPy, float64."""
    z, y = np.asarray(logits, dtype=float), np.asarray(targets)
    return np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), y]


def in_place(logits: Tensor, targets: Tensor) -> Tensor:
    """A right answer that spoils its own input."""
    logits -= logits.logsumexp(1, keepdim=True)
    return -logits.gather(1, targets[:, None])[:, 0]


def unfinished(logits: Tensor, *targets: Tensor) -> Tensor:
    """A cell as it is handed out."""
    raise NotImplementedError


def only_words(logits, *targets):
    """Cross entropy per sample."""


def words_and_dots(logits, targets):
    """Cross entropy per sample."""
    ...


def returns_dots(logits, targets):
    return ...


def begun(logits, *targets):
    log_p = logits.log_softmax(1)  # noqa: F841
    return ...


def begun_and_raises(logits, *targets):
    log_p = logits.log_softmax(1)  # noqa: F841
    raise NotImplementedError


@pytest.mark.parametrize(
    "answer",
    [
        *(None, ..., NotImplemented, "", "?", [None, None]),
        *(lambda z, y: None, unfinished, only_words, words_and_dots, returns_dots),
        *(begun, begun_and_raises, [unfinished, 3]),
    ],
)
def test_not_attempted(exercise: str, capsys: pytest.CaptureFixture[str], answer: Any) -> None:
    assert said(capsys, answer) == "99-ce: not attempted yet. Write cross entropy per sample.\n"
    teach.solution("99-ce")
    assert "try first" in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        ce,
        by_hand,
        in_place,
        lambda z, y: ce(z.double(), y),
        lambda z, y: ce(z, y).tolist(),
        lambda z, y: list(ce(z, y)),
        lambda z, y: ce(z.requires_grad_(), y),
        lambda z, y: ce(z, y).to_sparse(),
        lambda z, y: list(by_hand(z, y)),
        lambda z, y: [Fraction(float(v)) for v in ce(z, y)],
        lambda z, y: by_hand(z, y).astype(object),
    ],
)
def test_right_in_any_form(exercise: str, capsys: pytest.CaptureFixture[str], answer: Any) -> None:
    assert said(capsys, answer) == "99-ce: right.\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda z, y: -ce(z, y), "the sign is turned."),
        (twice, "there is a softmax too many."),
        (lambda z, y: 2 * ce(z, y), "entry [0] is "),
        (
            lambda z, y: ce(z, y)[:, None].repeat(1, len(y)),
            "the result has shape (6, 6); it should have (6,). [:, y]",
        ),
        (lambda z, y: ce(z, y).mean(), "the result has shape (); it should have (6,)."),
        (lambda z, y: ce(z, y)[:, None], "the result has shape (6, 1); it should have (6,)."),
        (lambda z, y: 1 / 0, "it raised ZeroDivisionError: division by zero."),
        (lambda z: z, "it raised TypeError: "),
        (lambda z, y: ce(z, y) * float("inf"), "the result has infinite or NaN values"),
        (lambda z, y: "high", "numbers are needed, not the text 'high'."),
        (lambda z, y: ce(z, y) + 0j, "real numbers are needed, not complex ones."),
        (lambda z, y: by_hand(z, y).astype(complex), "real numbers are needed, not complex ones."),
        (lambda z, y: [complex(v) for v in ce(z, y)], "real numbers are needed, not complex ones."),
        (lambda z, y: [ce(z, y), 1], "the parts of the list have different shapes."),
        (lambda z, y: [None, *ce(z, y)[1:]], "numbers are needed, not None."),
        (lambda z, y: ce(z, y).to("meta"), "an ordinary tensor of numbers is needed."),
        (lambda z, y: [10**400] * len(y), "the number is too large."),
        (3, "a function is needed, not an int."),
        ("ce", "a function is needed, not the text 'ce'."),
    ],
)
def test_wrong_names_the_mistake(
    exercise: str, capsys: pytest.CaptureFixture[str], answer: Any, words: str
) -> None:
    line = said(capsys, answer)
    assert line.startswith(f"99-ce: not yet: {words}")
    assert line.count("\n") == 1


def forgets(logits, targets):
    loss = ce(logits, targets)  # noqa: F841


def forgets_and_prints(logits, targets):
    print(ce(logits, targets).mean())


def forgets_at_times(logits, targets):
    if len(targets) < 7:
        return ce(logits, targets)


@pytest.mark.parametrize("answer", [forgets, forgets_and_prints, forgets_at_times])
def test_a_forgotten_return_is_named(
    exercise: str, capsys: pytest.CaptureFixture[str], answer: Any
) -> None:
    said_at_last = said(capsys, answer).splitlines()[-1]
    assert said_at_last == "99-ce: not yet: it returns nothing; is a return missing?"
    assert progress_file.attempted("99-ce")


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ([0.5, ...], "part 2 of 2"),
        ((None, ce), "part 1 of 2"),
        ([ce, [1, "?", 3]], "part 2 of 3 of part 2"),
    ],
)
def test_a_half_filled_answer_says_what_is_blank(
    exercise: str, capsys: pytest.CaptureFixture[str], answer: Any, part: str
) -> None:
    assert said(capsys, answer) == f"99-ce: not yet: {part} is still blank.\n"


def test_a_long_error_is_said_in_one_line(
    exercise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def explains(logits: Tensor, targets: Tensor) -> Tensor:
        raise RuntimeError("shapes differ\nCPU: registered at here.cpp\n" + "CUDA: too\n" * 100)

    def goes_on(logits: Tensor, targets: Tensor) -> Tensor:
        raise ValueError("no " * 500)

    assert said(capsys, explains) == "99-ce: not yet: it raised RuntimeError: shapes differ.\n"
    assert len(said(capsys, goes_on)) < 250


def test_what_a_judge_itself_raises_is_said_in_one_line(exercise: str) -> None:
    class Odd:
        def __float__(self) -> float:
            raise RuntimeError("two\nlines")

    number = core.register(
        Exercise("99-one", 99, 1, "Give 1.", judges.judge_number(1), {}, ["a", "b"], "1")
    )
    found = core.judge(number.name, Odd()).message
    assert found == "99-one: not yet: judging your answer raised RuntimeError: two."


def test_an_answer_may_not_end_the_kernel_but_the_reader_may(
    exercise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def leaves(logits: Tensor, targets: Tensor) -> Tensor:
        raise SystemExit("bye")

    def is_interrupted(logits: Tensor, targets: Tensor) -> Tensor:
        raise KeyboardInterrupt

    assert said(capsys, leaves) == "99-ce: not yet: it raised SystemExit: bye.\n"
    with pytest.raises(KeyboardInterrupt):
        teach.check("99-ce", is_interrupted)


def test_a_list_of_rows_makes_no_warning(exercise: str) -> None:
    rows = list(np.eye(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert judges.judge_tensor(torch.eye(3))(rows) is None
        assert core.judge("99-ce", lambda z, y: list(by_hand(z, y))).status == "right"


def test_hints_grow_and_the_last_waits_for_an_attempt(
    exercise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        teach.hint("99-ce")
    teach.check("99-ce", None)  # not an attempt
    teach.hint("99-ce")
    teach.check("99-ce", twice)
    for _ in range(2):
        teach.hint("99-ce")
    waits = "99-ce: the last hint is nearly the answer, so it waits until you have tried once."
    assert capsys.readouterr().out.splitlines() == [
        "99-ce, hint 1 of 2: Think of log_softmax.",
        waits,
        waits,
        "99-ce: not attempted yet. Write cross entropy per sample.",
        waits,
        "99-ce: not yet: there is a softmax too many.",
        "99-ce, hint 2 of 2: Gather the label's column.",
        '99-ce: no more hints. After an attempt, solution("99-ce") shows one.',
    ]


def test_solution_after_an_attempt(
    exercise: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda what, **kw: shown.append(what))
    teach.solution("99-ce")
    assert not shown
    said(capsys, twice)
    teach.solution("99-ce")
    assert "def ce(logits, targets)" in shown[0]["text/plain"]


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="no exercise named '98-none'; there are "):
        teach.check("98-none", 1)
    with pytest.raises(ValueError, match=r"must be named '03-\.\.\.'"):
        core.register(Exercise("04-a", 3, 1, "", judges.judge_choice("a", "ab"), {}, [], ""))


def test_numbers_tensors_and_choices() -> None:
    number = judges.judge_number(0.54, {"rate": 0.6, "near": 0.603})
    assert [number(a) for a in (0.54, np.float32(0.5401), torch.tensor(0.601), 0.605)] == [
        *(None, None, "rate", "near")
    ]
    for wrong, words in (
        *((7, "too large"), (0.5, "too small"), (0, "too small"), (-0.54, "the sign is turned")),
        *((54, "100 times too large"), (0.0054, "100 times too small")),
        *((float("nan"), "a finite number is needed"), ([0.54, 1], "one number is needed, not 2")),
    ):
        with pytest.raises(AnswerError, match=words):
            number(wrong)
    T = torch.tensor([[0.9, 0.1], [0.3, 0.7]])
    tensor = judges.judge_tensor(T, {"transposed": T.T})
    assert tensor(T.tolist()) is None
    assert tensor(T.numpy().astype(np.float64)) is None
    assert tensor(T.T) == "transposed"
    with pytest.raises(AnswerError, match=r"shape \(2,\); it should have \(2, 2\)"):
        tensor([1, 2])
    with pytest.raises(AnswerError, match="numbers are needed, not the text 'T'"):
        tensor("T")
    with pytest.raises(AnswerError, match=r"^1 of the 2 values is right; .* not is entry \[1\]$"):
        judges.judge_tensor([1, 2])([1, 3])
    with pytest.raises(AnswerError, match=r"^none of the 2 values is right"):
        judges.judge_tensor([1, 2])([3, 4])
    with pytest.raises(AnswerError, match=r"^2 of the 3 values are right"):
        judges.judge_tensor([1, 2, 3])([1, 2, 4])
    letters = judges.judge_choice("b", ("a", "b", "c"))
    assert [letters(a) for a in ("b", " B ", "(b)", "a", "C")] == [None, None, None, "a", "c"]
    with pytest.raises(AnswerError, match="'d' is not one of a, b, c"):
        letters("d")


def test_a_mistake_that_cannot_take_the_input_matches_nothing() -> None:
    judge = judges.judge_function(lambda n: n + 1, [(0,), (1,)], {"divide": lambda n: 1 / n})
    with pytest.raises(AnswerError, match=r"arguments 0 is 2; it should be 1$"):
        judge(lambda n: n + 2)
    assert judge(lambda n: n + 1.0) is None


def test_inputs_are_the_same_everywhere() -> None:
    logits, targets = judges.example(2, 3)
    np.testing.assert_allclose(logits[0], [0.251460, -0.264210, 1.280845], rtol=1e-5)
    assert targets.dtype == torch.int64
    assert blank([None, ...])
    assert not blank(0)


@pytest.mark.parametrize(
    "half",
    [
        *(0.5, [0.5], [[0.5]], np.array([0.5]), np.float16(0.5), torch.tensor(0.5).bfloat16()),
        *(Fraction(1, 2), Decimal("0.5"), sympy.Rational(1, 2), sympy.Float("0.5")),
        *([Fraction(1, 2)], (sympy.Rational(1, 2),), np.array(Fraction(1, 2), dtype=object)),
        *([np.array(0.5)], [torch.tensor([0.5])], torch.tensor(0.5, requires_grad=True)),
    ],
)
def test_one_number_in_any_form(half: Any) -> None:
    assert judges.judge_number(0.5)(half) is None
    assert judges.judge_function(lambda n: n / 2, [(1,)], {})(lambda n: half) is None
    assert as_numbers([half, half]).shape[0] == 2


@pytest.mark.parametrize(
    "value", [1j, 1 + 0j, np.complex64(1), torch.tensor(1 + 0j), [1, 1j], np.array([1 + 0j])]
)
def test_complex_numbers_are_refused(value: Any) -> None:
    with pytest.raises(AnswerError, match="real numbers are needed"):
        as_numbers(value)


@pytest.mark.parametrize("value", ["0.5", b"0.5", bytearray(b"1"), {1: 2}, {1}, abs, object()])
def test_what_is_no_number_is_refused(value: Any) -> None:
    for given in (value, [value]):
        with pytest.raises(AnswerError, match="numbers are needed, not"):
            as_numbers(given)


def test_checking_imports_the_exercises_of_its_lesson_alone() -> None:
    script = """
import sys
from anl_edu.teach import check
check("00-ratio", 6)
print(sorted(n for n in sys.modules if n.startswith("anl_edu.lessons.")))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    said, modules = ran.stdout.splitlines()
    assert said.startswith("00-ratio: right.")
    assert modules == (
        "['anl_edu.lessons.l00_start_here', 'anl_edu.lessons.l00_start_here.exercises']"
    )


def test_progress_file(
    exercise: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv("ANL_EDU_PROGRESS", str(file))
    fresh = said(capsys, ce)
    assert json.loads(file.read_text()) == {"99-ce": "right"}
    assert said(capsys, twice) != fresh
    assert json.loads(file.read_text()) == {"99-ce": "right"}  # once right stays right
    assert said(capsys, ce) == fresh  # what check says does not depend on the file
    there = {p.name for p in file.parent.iterdir()}  # some versions of filelock remove the lock
    assert there - {".progress.lock"} == {"progress.json"}
    teach.progress()
    assert "[x] 99-ce **" in capsys.readouterr().out
    file.write_text("{ damaged")
    progress_file._session.clear()
    teach.progress()
    assert "[ ] 99-ce **" in capsys.readouterr().out
    teach.forget()
    assert list(file.parent.iterdir()) == []


def test_progress_off_writes_nothing(
    exercise: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANL_EDU_PROGRESS", "off")
    assert progress_file.path() is None
    said(capsys, twice)
    assert progress_file.attempted("99-ce")  # for this session
    monkeypatch.delenv("ANL_EDU_PROGRESS")
    monkeypatch.setenv("CI", "true")
    assert progress_file.path() is None


def test_progress_that_cannot_be_written_is_no_error(
    exercise: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ANL_EDU_PROGRESS", str(tmp_path / "file" / "progress.json"))
    assert said(capsys, ce) == "99-ce: right.\n"


def test_two_kernels_keep_each_other_s_progress(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from anl_edu.teach import progress_file
read = progress_file._in_file
def slowly(file):
    found = read(file)
    time.sleep(0.05)  # so that what has been read is old when it is written back
    return found
progress_file._in_file = slowly
print(flush=True)  # ready
while not Path("go").exists():
    time.sleep(0.001)
for n in range(4):
    progress_file.note(f"{sys.argv[1]}-{n}", "right")
"""
    env = os.environ | {"ANL_EDU_PROGRESS": "p.json"}
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", script, name], cwd=tmp_path, env=env, stdout=subprocess.PIPE
        )
        for name in ("one", "two")
    ]
    for kernel in kernels:
        assert kernel.stdout is not None
        kernel.stdout.readline()
    (tmp_path / "go").touch()
    for kernel in kernels:
        kernel.communicate(timeout=60)
        assert kernel.returncode == 0
    expected = {f"{name}-{n}" for name in ("one", "two") for n in range(4)}
    assert set(json.loads((tmp_path / "p.json").read_text())) == expected


def test_what_another_kernel_has_right_stays_right(
    exercise: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "p.json"
    monkeypatch.setenv("ANL_EDU_PROGRESS", str(file))
    progress_file.note("99-ce", "wrong")
    file.write_text('{"99-ce": "right"}')  # by the other one
    progress_file.note("99-other", "wrong")
    assert json.loads(file.read_text()) == {"99-ce": "right", "99-other": "wrong"}
    assert progress_file.read()["99-ce"] == "right"


def test_a_lock_that_is_never_let_go_costs_a_moment_and_no_more(
    exercise: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "p.json"
    monkeypatch.setenv("ANL_EDU_PROGRESS", str(file))
    assert progress_file._PATIENCE == 2
    monkeypatch.setattr(progress_file, "_PATIENCE", 0.1)
    with FileLock(tmp_path / ".p.lock"):
        assert said(capsys, ce) == "99-ce: right.\n"
        assert not file.exists()
    assert progress_file.attempted("99-ce")
    progress_file.note("99-other", "wrong")  # what could not be saved is saved with it
    assert json.loads(file.read_text()) == {"99-ce": "right", "99-other": "wrong"}


def test_progress_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("ANL_EDU_PROGRESS", "~/p.json")
    assert progress_file.path() == tmp_path / "p.json"


def test_progress_is_not_kept_in_what_is_no_file(
    exercise: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    device = tmp_path / "device"  # a link, so that a fault cannot remove the machine's own
    device.symlink_to(os.devnull)
    for place in (device, tmp_path):
        monkeypatch.setenv("ANL_EDU_PROGRESS", str(place))
        assert progress_file.path() is None
        assert said(capsys, ce) == "99-ce: right.\n"
        assert progress_file.attempted("99-ce")
        teach.forget()
        assert list(tmp_path.iterdir()) == [device]
    assert device.is_symlink()
    assert device.is_char_device()


def cells_with_exercises() -> list[Any]:
    found = []
    for file in sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb")):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            named = re.search(r'^check\("([^"]+)"', source, flags=re.MULTILINE)
            if named and cell["cell_type"] == "code":
                found.append(pytest.param(source, id=named[1]))
    return found


@pytest.mark.parametrize("source", cells_with_exercises())
def test_what_a_notebook_hands_out_is_not_attempted(source: str) -> None:
    verdicts = []
    exec(source, {"check": lambda *given: verdicts.append(core.judge(*given))})  # our own cells
    assert [v.status for v in verdicts] == ["not attempted"]


@each
def test_every_wrong_answer_gets_its_own_hint(exercise: Exercise) -> None:
    assert len(exercise.wrong_bank) >= 2
    for answer, key in exercise.wrong_bank:
        verdict = core.judge(exercise.name, answer)
        assert (verdict.status, verdict.key) == ("wrong", key)
        assert "judging your answer raised" not in verdict.message
        assert len(verdict.message) < 260
        if key != "error":
            assert verdict.message == f"{exercise.name}: not yet: {exercise.hints[key]}"
    assert {key for _, key in exercise.wrong_bank} >= set(exercise.hints), "a hint without a test"
    assert len(set(exercise.hints.values())) == len(exercise.hints), "two mistakes, one hint"


def test_an_unfinished_loss_of_one_s_own_is_not_attempted() -> None:
    for answer in ((unfinished, 4.0), (begun_and_raises, 4.0), (begun, 4.0), (only_words, ...)):
        assert core.judge("04-own", answer).status == "not attempted"
    assert core.judge("03-not-mae", begun_and_raises).status == "not attempted"


def test_a_loss_of_one_s_own_is_told_what_is_wrong_with_it() -> None:
    def worded(*args: Any) -> Tensor:
        return torch.zeros(3, dtype=torch.bool).mean()

    for name, answer, words in (
        ("04-own", (worded, 1.0), "Error: mean()"),  # its type is another in older versions
        ("03-not-mae", worded, "Error: mean()"),
        ("04-own", (lambda z: 1 - z.softmax(1).numpy(), 1.0), "yours is a NumPy array."),
        ("04-own", (lambda z: 1 - z.softmax(1), "1"), "the maximum A: numbers are needed"),
        ("04-focal", lambda z, g: ce(z, z.argmax(1)) + 0j, "not complex ones."),
    ):
        found = core.judge(name, answer)
        assert found.status == "wrong"
        assert words in found.message


@each
def test_every_right_variant_is_accepted(exercise: Exercise) -> None:
    assert len(exercise.right_bank) >= 3
    for answer in exercise.right_bank:
        verdict = core.judge(exercise.name, answer)
        assert verdict.status == "right", verdict.message


@each
def test_every_exercise_knows_a_blank(exercise: Exercise) -> None:
    for answer in (None, ..., NotImplemented):
        assert core.judge(exercise.name, answer).status == "not attempted"
    if any(callable(a) for a in exercise.right_bank):
        for empty in (lambda *a, **k: None, lambda *a, **k: ..., lambda *a, **k: NotImplemented):
            assert core.judge(exercise.name, empty).status == "not attempted"


@each
def test_every_exercise_names_a_forgotten_return(exercise: Exercise) -> None:
    def forgets(*args: Any, **kwargs: Any) -> None:
        sum(map(len, map(str, args)))

    for answer in exercise.right_bank:
        if callable(answer):
            found = core.judge(exercise.name, forgets)
        elif isinstance(answer, tuple | list) and callable(answer[0]):
            found = core.judge(exercise.name, (forgets, *answer[1:]))
        else:
            continue
        assert found.status == "wrong"
        assert found.message.endswith(" it returns nothing; is a return missing?")


@each
def test_every_exercise_takes_numbers_of_any_kind(exercise: Exercise) -> None:
    for answer in exercise.right_bank:
        if isinstance(answer, int | float):
            exact = Fraction(answer)
            for form in (exact, Decimal(answer), sympy.Float(answer), [answer], np.array([exact])):
                assert core.judge(exercise.name, form).status == "right", form
            assert core.judge(exercise.name, complex(answer)).status == "wrong"
        if isinstance(answer, list) and all(isinstance(part, float) for part in answer):
            form = [Fraction(answer[0]), *map(sympy.Float, answer[1:])]
            assert core.judge(exercise.name, form).status == "right"
            assert core.judge(exercise.name, [complex(part) for part in answer]).status == "wrong"


@each
def test_every_exercise_refuses_complex_results(exercise: Exercise) -> None:
    for answer in exercise.right_bank:
        if callable(answer):
            found = core.judge(exercise.name, lambda *a, f=answer: as_numbers(f(*a)) + 0j)
            assert found.status == "wrong"
            assert found.message.endswith(" real numbers are needed, not complex ones.")


@each
def test_every_exercise_survives_nonsense(exercise: Exercise) -> None:
    def explodes(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("boom")

    for answer in (explodes, object(), "nonsense", {1: 2}, torch.zeros(2, 3, 5), float("nan")):
        verdict = core.judge(exercise.name, answer)
        assert verdict.status == "wrong", answer
        assert "judging your answer raised" not in verdict.message, answer
        assert "\n" not in verdict.message
        assert " at 0x" not in verdict.message  # the same on every machine


@each
def test_every_exercise_is_complete(exercise: Exercise) -> None:
    assert exercise.difficulty in (1, 2, 3)
    assert exercise.task.endswith((".", "?"))
    assert 2 <= len(exercise.general_hints) <= 4
    assert all(h.strip() for h in exercise.general_hints)
    ast.parse(exercise.solution)


@each
def test_every_solution_is_right(exercise: Exercise) -> None:
    """The solution shown runs, and its last line's value or name is a right answer."""
    import anl_edu.losses

    space: dict[str, Any] = {"torch": torch, "np": np, "losses": anl_edu.losses}
    exec(exercise.solution, space)  # our own source
    last = ast.parse(exercise.solution).body[-1]
    named = last.name if isinstance(last, ast.FunctionDef) else ast.unparse(last).split(" = ")[0]
    verdict = core.judge(exercise.name, eval(named, space))
    assert verdict.status == "right", verdict.message


def test_every_lesson_has_two_exercises() -> None:
    lessons = [e.lesson for e in ALL]
    assert all(lessons.count(n) >= 2 for n in lessons)
