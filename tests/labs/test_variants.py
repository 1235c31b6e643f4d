"""A student's numbers: their own, the same everywhere, and fit for the questions."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from anl_edu import labs, noise
from anl_edu.labs.variants import LABS, NOISES

STUDENTS = [f"student-{n}" for n in range(200)]


def test_a_variant_is_the_same_in_every_process() -> None:
    code = "from anl_edu import labs; print(labs.variant(1, 'ada'))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert said == {str(labs.variant(1, "ada"))}


def test_it_is_what_it_was_when_it_was_first_handed_out() -> None:
    """A change here gives every student new numbers in the middle of a course."""
    assert str(labs.variant(1, "ada")).splitlines() == [
        "lab 1 of ada: K = 6 classes, seed 795704634",
        "pair noise of rate 0.35, p_min = 1e-08",
        "  0 fanak: digit 1",
        "  1 lofen: digit 2",
        "  2 sivek: digit 3",
        "  3 vamur: digit 4",
        "  4 bropel: digit 9",
        "  5 daidor: digit 0",
    ]


@pytest.mark.parametrize("lab", LABS)
def test_variants_differ_and_use_what_there_is(lab: int) -> None:
    found = [labs.variant(lab, student) for student in STUDENTS]
    assert len({(v.classes, v.names, v.kind, v.rate) for v in found}) == len(STUDENTS)
    assert {v.K for v in found} == {4, 5, 6, 7}
    assert {v.kind for v in found} == set(NOISES)
    assert {round(v.p_min, 12) for v in found} == {1e-4, 1e-5, 1e-6, 1e-7, 1e-8}
    assert {digit for v in found for digit in v.classes} == set(range(10))


@pytest.mark.parametrize("lab", LABS)
def test_a_variant_is_of_its_lab(lab: int) -> None:
    mine = [labs.variant(n, "ada") for n in LABS]
    assert len({v.seed for v in mine}) == len(LABS)
    assert mine[lab - 1].lab == lab


@pytest.mark.parametrize("student", STUDENTS[:40])
def test_its_noise_leaves_the_right_label_the_most_frequent(student: str) -> None:
    me = labs.variant(1, student)
    T = noise.transition(me.kind, me.rate, me.K)
    assert (T.argmax(1) == torch.arange(me.K)).all()
    assert len(set(me.names)) == len(set(me.classes)) == me.K == T.shape[0]


def test_data_are_the_digits_of_its_classes_in_its_order() -> None:
    from sklearn.datasets import load_digits

    me = labs.variant(2, "ada")
    mine, raw = me.data(), load_digits()
    known = {image.tobytes(): digit for image, digit in zip(raw.images, raw.target, strict=True)}

    def digits(images: torch.Tensor) -> list[int]:
        back = (images[:, 0].double() * 16 / 255).round().numpy()
        return [known[image.tobytes()] for image in back]

    assert digits(mine.x_train) == [me.classes[k] for k in mine.y_train]
    assert digits(mine.x_test) == [me.classes[k] for k in mine.y_test]
    whole = sum(int((raw.target == digit).sum()) for digit in me.classes)
    assert len(mine.y_train) + len(mine.y_test) == whole
    assert 0.24 < len(mine.y_test) / whole < 0.26
    assert mine.classes == me.names
    again, other = me.data(), labs.variant(2, "bob").data()
    assert (mine.x_train == again.x_train).all()
    assert mine.fingerprint != other.fingerprint


def test_case_and_blanks_round_an_id_do_not_count() -> None:
    assert labs.variant(1, " Ada.L@x-y_1 ") == labs.variant(1, "ada.l@x-y_1")


@pytest.mark.parametrize("student", ["", "  ", "a b", "../ada", "-ada", "a/b", None, ..., 7])
def test_another_id_is_refused_by_name(student: object) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - what it says is what is tested
        labs.variant(1, student)  # type: ignore[arg-type]
    assert repr(student) in str(refused.value)


@pytest.mark.parametrize("lab", [0, 4, "1"])
def test_another_lab_is_refused_by_name(lab: int) -> None:
    with pytest.raises(ValueError, match=f"no lab {lab!r}"):
        labs.variant(lab, "ada")
