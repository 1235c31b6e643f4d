"""Following images through training: what is kept, and what is drawn of it."""

from __future__ import annotations

import pytest
import torch

from anl_edu import runs
from anl_edu.runs import RunSpec
from anl_edu.teach.follow import CAST, Follow, label_curves, wall


@pytest.fixture(scope="module")
def noisy() -> runs.live.ImageData:
    return runs.noisy_data("digits", "symmetric", 0.6, seed=0)


@pytest.fixture(scope="module")
def follow(noisy: runs.live.ImageData) -> Follow:
    spec = RunSpec("digits", "ce", "symmetric", 0.6, changes={"epochs": 2})
    return Follow.wrong(noisy, 10).train({"ce": runs.start(spec, noisy)})


def test_the_cast_is_as_the_lessons_say(noisy: runs.live.ImageData) -> None:
    index = torch.tensor(CAST)
    assert noisy.y_clean is not None
    assert noisy.y_clean[index].tolist() == [4, 8, 7]
    assert noisy.y_train[index].tolist() == [4, 8, 5]


def test_it_notes_before_training_and_after_each_epoch(follow: Follow) -> None:
    assert follow.names == ["ce"]
    p = follow.probabilities("ce")
    assert p.shape == (3, 10, 10)
    assert torch.allclose(p.sum(2), torch.ones(3, 10))
    p_y = follow.of_label("ce")
    assert p_y[1, 4] == p[1, 4, follow.given[4]]
    assert bool((follow.given != follow.true).all())


def test_states_tell_memorised_true_and_other_apart(follow: Follow) -> None:
    said = follow.probabilities("ce")[2].argmax(1)
    for state, s, g, t in zip(follow.states("ce", 2), said, follow.given, follow.true, strict=True):
        assert int(state) == (0 if s == g else 1 if s == t else 2)


def test_of_logits_is_the_same_as_looking(noisy: runs.live.ImageData, follow: Follow) -> None:
    spec = RunSpec("digits", "ce", "symmetric", 0.6, changes={"epochs": 2})
    live = runs.start(spec, noisy)
    logits = [live.predict(noisy.x_train), *(live.predict(noisy.x_train) for _ in live)]
    again = Follow.of_logits(noisy, follow.index, {"ce": logits})
    assert torch.allclose(again.probabilities("ce"), follow.probabilities("ce"), atol=1e-6)


def test_the_wall_moves_its_marks_alone(follow: Follow) -> None:
    fig = wall(follow, [0, 1, 2])
    assert [frame.name for frame in fig.frames] == ["0", "1", "2"]
    assert all(fig.data[i].type == "scatter" for frame in fig.frames for i in frame.traces)
    memorised = int((follow.states("ce", 2) == 0).sum())
    assert f"{memorised} of 10 memorised" in fig.layout.annotations[0].text
    assert fig.layout.sliders[0].active == 2


def test_curves_have_a_panel_an_image(noisy: runs.live.ImageData) -> None:
    spec = RunSpec("digits", "ce", "symmetric", 0.6, changes={"epochs": 1})
    fig = label_curves(Follow(noisy, CAST).train({"ce": runs.start(spec, noisy)}))
    heads = [a.text for a in fig.layout.annotations]
    assert heads[0] == "shows 4, labelled 4: right"
    assert heads[2] == "shows 7, labelled 5: <b>wrong</b>"
    assert len(fig.layout.images) == 3


def test_clean_data_of_unknown_truth_is_refused() -> None:
    from anl_edu import data

    with pytest.raises(ValueError, match="true classes"):
        Follow(data.load("digits"), [0])
