"""What a lesson says of a training is what its recipe says."""

from anl_edu.runs import RunSpec
from anl_edu.teach.recipe_words import recipe_words


def test_what_is_shared_is_said_once() -> None:
    said = recipe_words({"ce": RunSpec("digits", "ce"), "anl-ce": RunSpec("digits", "anl-ce")})
    assert said.splitlines() == [
        "SGD, momentum 0.9, learning rate 0.05, cosine schedule to 0, batch 64, 60 epochs, "
        "gradient norm <= 5",
        "CE: no penalty",
        "ANL-CE: alpha = 5, beta = 5, L1 5e-05",
    ]


def test_what_differs_is_said_of_each() -> None:
    slow = RunSpec("digits", "ce", changes={"lr": 0.01, "clip_norm": None})
    first, second = recipe_words({"ce": RunSpec("digits", "ce"), "ce slow": slow}).splitlines()
    assert "learning rate 0.05" in first
    assert "learning rate 0.01" in second
    assert "no clipping" in second
