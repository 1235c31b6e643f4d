"""The playground's losses, steps, labels and states, held against PyTorch and the package."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
import torch
from playground_losses import by_switches, ours
from playwright.sync_api import Page
from torch import Tensor, nn

from anl_edu import losses
from anl_edu.losses import tables
from anl_edu.playground.state import SETTINGS, complete

pytestmark = pytest.mark.browser

LOSSES = sorted(SETTINGS["losses"])
CASES, STEPS = 300, 50


def drawn(name: str) -> list[dict[str, Any]]:
    """Random logits, some of them far apart, a label and parameters in their ranges."""
    draw = random.Random(name)
    ranges = {
        key: (setting["low"], setting["high"])
        for key, setting in SETTINGS["side"].items()
        if "low" in setting
    }
    cases = []
    for _ in range(CASES):
        classes = draw.randint(2, 8)
        scale = 10 ** draw.uniform(-1, 1.7)
        parameters: dict[str, Any] = {}
        for key in SETTINGS["losses"][name]["parameters"]:
            if key in ("complement", "flip", "normalise"):
                parameters[key] = draw.random() < 0.5
            elif key == "p_min":
                parameters[key] = 10 ** draw.uniform(-12, -2)
            elif key != "l1":
                parameters[key] = draw.uniform(*ranges[key])
        cases.append(
            {
                "name": name,
                "logits": [scale * draw.gauss(0, 1) for _ in range(classes)],
                "label": draw.randrange(classes),
                "parameters": parameters,
            }
        )
    return cases


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_the_packages(parts: Page, name: str) -> None:
    cases = drawn(name)
    theirs = parts.evaluate(
        "cases => cases.map(c => {"
        "  const { name, logits, label, parameters } = c;"
        "  const found = parts.lossAndGradient(name, logits, label, parameters);"
        "  return { value: found.value, gradient: [...found.gradient] };"
        "})",
        cases,
    )
    for case, found in zip(cases, theirs, strict=True):
        value, gradient = ours(case)
        close = {"rtol": 1e-10, "atol": 1e-10}
        assert found["value"] == pytest.approx(value, rel=1e-10, abs=1e-10), case
        torch.testing.assert_close(
            torch.tensor(found["gradient"], dtype=torch.float64), gradient, **close
        )


def test_the_switches_make_the_losses_that_lesson_04_names() -> None:
    """What the JavaScript is held against, held against the package's own names."""
    for case in drawn("built"):
        logits = torch.tensor([case["logits"]], dtype=torch.float64)
        y = torch.tensor([case["label"]])
        p_min = case["parameters"]["p_min"]
        for switches, name, parameters in [
            ((True, True, True), "nnce", {"p_min": p_min}),
            ((False, False, True), "nce", {}),
            ((False, False, False), "ce", {}),
        ]:
            expected = losses.build(name, "none", **parameters)(logits, y)
            torch.testing.assert_close(by_switches(logits, y, *switches, p_min), expected)


@pytest.mark.parametrize("gamma", [None, 0.0, 0.5, 2.0])
def test_tables_and_constructions_are_the_packages(parts: Page, gamma: float | None) -> None:
    for case in drawn("nnfl")[:100]:
        p_min, y = case["parameters"]["p_min"], case["label"]
        found = parts.evaluate(
            """([logits, y, gamma, pMin]) => {
                const top = Math.max(...logits);
                const norm = top + Math.log(logits.reduce((s, z) => s + Math.exp(z - top), 0));
                const logp = Float64Array.from(logits, z => z - norm);
                const A = -((1 - pMin) ** (gamma ?? 0)) * Math.log(pMin);
                const table = p => gamma === null
                    ? parts.ceTable(logp, p) : parts.flTable(logp, gamma, p);
                const { L } = table(0), cut = table(pMin).L;
                const list = ({ value, by }) => ({ value, by: [...by] });
                return { L: [...L], cut: [...cut], active: list(parts.active(L, y)),
                    normalized: list(parts.normalized(L, y)),
                    negative: list(parts.normalizedNegative(cut, y, A)) };
            }""",
            [case["logits"], y, gamma, p_min],
        )
        logits = torch.tensor([case["logits"]], dtype=torch.float64)
        label = torch.tensor([y])

        def table(p_min: float | None, logits: Tensor = logits) -> Tensor:
            if gamma is None:
                return tables.ce_table(logits, p_min)
            return tables.fl_table(logits, gamma, p_min)

        A = tables.ce_maximum(p_min) if gamma is None else tables.fl_maximum(gamma, p_min)
        whole, cut = table(None).requires_grad_(), table(p_min).requires_grad_()
        made = {
            "active": (tables.active(whole, label), whole),
            "normalized": (tables.normalized(whole, label), whole),
            "negative": (tables.normalized_negative(cut, label, A), cut),
        }
        assert found["L"] == pytest.approx(whole[0].tolist(), rel=1e-10, abs=1e-10)
        assert found["cut"] == pytest.approx(cut[0].tolist(), rel=1e-10, abs=1e-10)
        for name, (value, source) in made.items():
            (by,) = torch.autograd.grad(value.sum(), source)
            assert found[name]["value"] == pytest.approx(value.item(), rel=1e-9, abs=1e-9)
            assert found[name]["by"] == pytest.approx(by[0].tolist(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "some",
    [
        {"loss": "ce", "clip": 0, "momentum": 0},
        {"loss": "anl-ce", "layers": 3, "width": 20, "l1": 5e-3, "clip": 1, "batch": 16},
        {"loss": "mae", "kind": "pair", "classes": 5, "clip": 0.5, "decay": 1e-2},
        {"loss": "anl-fl", "classes": 7, "layers": 1, "width": 32, "lr": 0.05, "decay": 1e-3},
    ],
    ids=lambda some: some["loss"],
)
def test_fifty_steps_are_those_of_pytorch(parts: Page, some: dict[str, Any]) -> None:
    """From the same weights on the same batches, in float64."""
    found = parts.evaluate(
        """([some, steps]) => {
            const state = parts.complete(some);
            const world = parts.makeWorld(state);
            const trainer = new parts.Trainer(world, parts.optionsOf(state, "1"));
            const weights = () => trainer.network.layers.map(({ w, b }) => [[...w], [...b]]);
            const before = weights();
            const batches = [], means = [];
            for (let s = 0; s < steps; s++) {
                const first = s * state.batch;
                const batch = Array.from({ length: state.batch }, (_, i) => (first + 7 * i) % 300);
                batches.push(batch);
                means.push(trainer.step(batch));
            }
            const { x, y } = world;
            return { state, x: [...x], y: [...y], before, batches, means, after: weights() };
        }""",
        [some, STEPS],
    )
    whole = found["state"]
    sizes = [2, *[whole["width"]] * whole["layers"], whole["classes"]]
    linear = [nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
    with torch.no_grad():
        for layer, (w, b) in zip(linear, found["before"], strict=True):
            layer.weight.copy_(torch.tensor(w, dtype=torch.float64).view_as(layer.weight))
            layer.bias.copy_(torch.tensor(b, dtype=torch.float64))
    steps = [part for layer in linear for part in (layer, nn.ReLU())][:-1]
    model = nn.Sequential(*steps)
    optimiser = torch.optim.SGD(
        model.parameters(), whole["lr"], whole["momentum"], weight_decay=whole["decay"]
    )
    names = SETTINGS["losses"][whole["loss_1"]]["parameters"].keys() - {"l1"}
    loss = losses.build(whole["loss_1"], **{name: whole[f"{name}_1"] for name in names})
    x = torch.tensor(found["x"], dtype=torch.float64).view(-1, 2)
    y = torch.tensor(found["y"])
    for batch, mean in zip(found["batches"], found["means"], strict=True):
        optimiser.zero_grad()
        value = loss(model(x[batch]), y[batch])
        assert value.item() == pytest.approx(mean, rel=1e-8, abs=1e-8)
        if whole["l1_1"]:
            value = value + whole["l1_1"] * losses.l1_penalty(model.parameters())
        value.backward()
        if whole["clip"]:
            nn.utils.clip_grad_norm_(model.parameters(), whole["clip"])
        optimiser.step()
    moved = 0.0
    for layer, (w, b), (w0, _) in zip(linear, found["after"], found["before"], strict=True):
        weight = torch.tensor(w, dtype=torch.float64).view_as(layer.weight)
        torch.testing.assert_close(weight, layer.weight.data, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(
            torch.tensor(b, dtype=torch.float64), layer.bias.data, rtol=1e-8, atol=1e-8
        )
        moved += (torch.tensor(w) - torch.tensor(w0)).abs().sum().item()
    assert moved > 1


@pytest.mark.parametrize(("kind", "rate"), [("symmetric", 0.4), ("pair", 0.3), ("asymmetric", 0.5)])
def test_labels_go_wrong_as_said(parts: Page, kind: str, rate: float) -> None:
    """As many of each class as said, to the classes said, and the same for the same seed."""
    worlds = parts.evaluate(
        """([kind, noise]) => [0, 0, 1].map(seed => {
            const state = parts.complete({ kind, noise, seed, points: 400 });
            const { x, y, truth } = parts.makeWorld(state);
            return { x: [...x], y: [...y], truth: [...truth] };
        })""",
        [kind, rate],
    )
    assert worlds[0] == worlds[1] != worlds[2]
    pairs = list(zip(worlds[0]["truth"], worlds[0]["y"], strict=True))
    for k in range(4):
        wrong = [y for truth, y in pairs if truth == k != y]
        flips = kind != "asymmetric" or k % 2 == 0
        assert len(wrong) == (round(rate * 100) if flips else 0)
        if kind != "symmetric":
            assert set(wrong) <= {(k + 1) % 4}
        else:
            assert set(wrong) == {0, 1, 2, 3} - {k}


def test_the_page_and_the_package_agree_on_every_state(parts: Page) -> None:
    draw = random.Random(0)
    names = [*SETTINGS["shared"], *(n + s for n in SETTINGS["side"] for s in ("", "_1", "_2"))]
    some = []
    for _ in range(200):
        given = {}
        for name in draw.sample(names, 4):
            bare = (
                name if name in SETTINGS["shared"] else name.removesuffix("_1").removesuffix("_2")
            )
            setting = SETTINGS["shared"].get(bare) or SETTINGS["side"][bare]
            if bare == "loss":
                given[name] = draw.choice(LOSSES)
            elif "options" in setting:
                given[name] = draw.choice(list(setting["options"]))
            elif "low" not in setting:
                given[name] = draw.random() < 0.5
            else:
                whole = isinstance(setting.get("step"), int)
                low, high = setting["low"], setting["high"]
                given[name] = draw.randint(low, high) if whole else draw.uniform(low, high)
        some.append(given)
    theirs = parts.evaluate("some => some.map(given => parts.complete(given))", some)
    assert theirs == [complete(given) for given in some]
    assert [list(found) for found in theirs] == [list(complete(given)) for given in some]
