"""A loss says its name and ranges where it is defined, and everything else follows."""

import importlib
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from anl_edu import losses
from anl_edu.losses import combinations, functions, registry
from anl_edu.losses.registry import above, at_least, loss


@pytest.fixture
def scratch(monkeypatch):
    """A registry that forgets what a test puts in."""
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))


def test_names_stand_in_the_order_of_definition():
    order = [(m, m.__dict__[f]) for m in (functions, combinations) for f in registry.functions()
             if getattr(m.__dict__.get(f), "__module__", None) == m.__name__]  # fmt: skip
    lines = [(m.__name__ == combinations.__name__, f.__code__.co_firstlineno) for m, f in order]
    assert lines == sorted(lines)
    assert [f for _, f in order] == [registry.entry(n).function for n in losses.names()]


def test_every_loss_is_exported_as_a_function_and_hides_no_tool():
    tools = set(losses.__all__[: -len(losses.names())])
    assert tools.isdisjoint(registry.functions())
    for name in losses.names():
        function = registry.entry(name).function
        assert getattr(losses, function.__name__) is function
        assert function.__name__ in losses.__all__
        assert function.__name__ == name.replace("+", "_").replace("-", "_")


def test_a_new_loss_needs_no_more_than_its_definition(scratch):
    @loss("half", w=above(0, upto=2), gentle=bool)
    def half(logits: Tensor, targets: Tensor, w: float = 1.0, gentle: bool = False) -> Tensor:
        return w * losses.mae(logits, targets) / 2

    assert losses.names()[-1] == "half"
    assert losses.defaults("half") == {"w": 1.0, "gentle": False}
    assert losses.label("half") == "HALF"
    assert losses.build("half", w=2)(torch.zeros(1, 2), torch.tensor([0])).item() == 0.5
    with pytest.raises(ValueError, match="w of 'half' must be above 0 and at most 2, got 3"):
        losses.build("half", w=3)
    assert losses.build("half", gentle=True).parameters_ == {"w": 1.0, "gentle": True}


def _one(logits, targets, q=0.5):
    return q


@pytest.mark.parametrize(
    ("ranges", "error", "message"),
    [
        ({}, TypeError, "parameter 'q' of loss 'one' has no range"),
        ({"q": at_least(0), "p": bool}, TypeError, "range for 'p', which is no parameter"),
        ({"q": above(0.5)}, ValueError, "default q of 'one' must be above 0.5, got 0.5"),
        ({"q": bool}, TypeError, "default q of 'one' must be True or False, got 0.5"),
    ],
)
def test_a_definition_that_lacks_something_is_refused(scratch, ranges, error, message):
    with pytest.raises(error, match=message):
        loss("one", **ranges)(_one)
    assert "one" not in losses.names()


def test_names_are_taken_once_in_lower_case_and_have_defaults(scratch):
    with pytest.raises(ValueError, match=r"'gce' is registered already, by anl_edu.*functions.gce"):
        loss("gce", q=at_least(0))(_one)
    with pytest.raises(ValueError, match="in lower case, got 'One'"):
        loss("One", q=at_least(0))(_one)
    with pytest.raises(TypeError, match="parameter 'w' of loss 'two' has no default"):
        loss("two", w=at_least(0))(lambda z, y, w: w)


def test_a_module_may_be_loaded_again(scratch):
    before, old = losses.names(), functions.gce
    try:
        importlib.reload(functions)
        assert losses.names() == before
        assert losses.build("gce").function.func is functions.gce is not old
    finally:
        for name in registry.functions():
            if name in vars(losses) and hasattr(functions, name):
                setattr(functions, name, vars(losses)[name])


@pytest.mark.parametrize(
    ("allowed", "inside", "outside", "words"),
    [
        (at_least(0), [0, 5], [-1e-9], "at least 0"),
        (at_least(0, below=1), [0, 0.5], [1], "at least 0 and below 1"),
        (above(0), [1e-300, 5], [0], "above 0"),
        (above(0, upto=1), [1], [0, 1.01], "above 0 and at most 1"),
        (above(0, below=1), [0.5], [0, 1], "above 0 and below 1"),
    ],
)
def test_ranges(allowed, inside, outside, words):
    assert str(allowed) == words
    assert all(v in allowed for v in inside)
    assert not any(v in allowed for v in outside)


def test_losses_import_torch_and_nothing_else():
    # NumPy, which torch itself imports, is hidden too: losses must not need it.
    script = (
        "import sys; sys.modules['numpy'] = None\n"
        "import torch; before = set(sys.modules)\n"
        "from anl_edu import losses\n"
        "losses.build('anl-ce')(torch.zeros(2, 3), torch.tensor([0, 1]))\n"
        "foreign = {m for m in set(sys.modules) - before if not m.startswith('anl_edu')}\n"
        "print(sorted(m for m in foreign if m.split('.')[0] not in sys.stdlib_module_names"
        " and not m.startswith('torch')))\n"
        "print(sorted(m for m in sys.modules if m.startswith('anl_edu.')"
        " and not m.startswith('anl_edu.losses')))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == ["[]", "[]"]
