"""What is typed on the command line is read as it is meant."""

import pytest

from anl_edu.arguments import parse_changes


def test_changes_are_read_from_text():
    changes = parse_changes(["epochs=10", "lr=0.1", "loss.alpha=1", "clip_norm=none"])
    assert changes == {"epochs": 10, "lr": 0.1, "clip_norm": None, "loss_parameters": {"alpha": 1}}
    changes = parse_changes(["augment=crop,flip", "nesterov=true", "model=cnn4"], "float16")
    assert changes == {
        "augment": ["crop", "flip"],
        "nesterov": True,
        "model": "cnn4",
        "precision": "float16",
    }
    assert parse_changes(["augment=none"]) == {"augment": []}
    with pytest.raises(ValueError, match="'model_options=none': model_options holds many values"):
        parse_changes(["model_options=none"])
    with pytest.raises(ValueError, match="'epochs'"):
        parse_changes(["epochs"])
    with pytest.raises(ValueError, match="'ten'"):
        parse_changes(["epochs=ten"])
