"""Values and gradients against those that the authors' own published code gives.

tests/golden/*.json name the source and commit of every case. Values are printed there with 12
digits and gradients with 9, so a gradient is met within 1e-9 of itself or half of its last digit.
"""

import json
import math
from pathlib import Path

import pytest
import torch

from anl_edu import losses

GOLDEN = Path(__file__).parents[1] / "golden"
PUBLISHED = json.loads((GOLDEN / "published_losses.json").read_text(encoding="utf-8"))
ENTROPY = json.loads((GOLDEN / "entropy_regulariser.json").read_text(encoding="utf-8"))["cases"]

# Their name: our name, ours for their parameters, and how many times ours theirs is.
OURS = {
    "AMSE": ("amse", {}, 1),
    "JAL-CE": ("jal-ce", {}, 1),
    "JAL-FL": ("jal-fl", {}, 1),
    # The cross entropy of eps-softmax alone.
    "eps-softmax CE": ("ece", {"alpha": 1, "beta": 0}, 1),
    "eps-softmax CE+MAE": ("ece", {}, 1),
    "SCELoss": ("sce", {}, 1),
    "RCELoss": ("rce", {}, 1),
    "NCELoss": ("nce", {}, 1),
    # Their MAE is ||e_y - p||_1.
    "MAELoss": ("mae", {}, 2),
    "GCELoss": ("gce", {}, 1),
    "AGCELoss": ("agce", {}, 1),
    "AUELoss": ("aul", {}, 1),
    "AExpLoss": ("ael", {}, 1),
    "NCEandRCE": ("nce+rce", {}, 1),
    "NCEandAGCE": ("nce+agce", {}, 1),
    "NCEandAUE": ("nce+aul", {}, 1),
    "NCEandAEL": ("nce+ael", {}, 1),
}
RENAMED = {"SCELoss": {"a": "alpha", "b": "beta"}}


def _ours(case):
    theirs = case["loss"].split(" (")[0]
    if theirs == "NMAE":  # no loss of ours: the construction on the table of MAE
        return lambda z, y: losses.normalized(1 - z.softmax(1), y).mean()
    name, fixed, times = OURS[theirs]
    renamed = RENAMED.get(theirs, {})
    given = {renamed.get(k, k): v for k, v in case["parameters"].items()}
    loss = losses.build(name, **fixed, **given)
    return lambda z, y: times * loss(z, y)


def _meets(value, gradient, wanted):
    assert value == pytest.approx(wanted["value"], rel=1e-9)
    printed = [g for row in wanted["gradient"] for g in row]
    for g, w in zip(gradient.flatten().tolist(), printed, strict=True):
        last_digit = 10.0 ** (math.floor(math.log10(abs(w))) - 8) if w else 0.0
        assert abs(g - w) <= max(1e-9 * abs(w), 0.5001 * last_digit)


@pytest.mark.parametrize("case", PUBLISHED["cases"], ids=lambda c: f"{c['case']}-{c['loss']}")
def test_published_code_gives_the_same(case):
    given = PUBLISHED["inputs"][case["logits"]]
    z = torch.tensor(given["logits"], dtype=torch.float64, requires_grad=True)
    value = _ours(case)(z, torch.tensor(given["targets"]))
    value.backward()
    assert z.shape[1] == case["K"]
    _meets(value.item(), z.grad, case)


def _cut(logits):
    """The regulariser from our probabilities with its authors' clamp, which ours leaves out."""
    p = losses.log_probabilities(logits).clamp(min=math.log(1e-7)).exp()
    p_bar = p.sum(0) / p.sum()
    return math.log(logits.shape[1]) + (p_bar * p_bar.log()).sum()


@pytest.mark.parametrize("case", ENTROPY, ids=lambda c: f"{c['N']}x{c['K']}")
def test_entropy_regulariser_and_anl_of_its_authors(case):
    z = torch.tensor(case["logits"], dtype=torch.float64, requires_grad=True)
    # At K = 100 one probability is 5e-8: there theirs is ours with their clamp, and only there.
    clamped = case["K"] == 100
    assert (z.softmax(1).min().item() < 1e-7) == clamped
    term = _cut if clamped else losses.entropy_regularizer
    (gradient,) = torch.autograd.grad(term(z), z)
    _meets(term(z).item(), gradient, case)
    (ours,) = torch.autograd.grad(losses.entropy_regularizer(z), z)
    assert losses.entropy_regularizer(z).item() == pytest.approx(case["value"], abs=2e-8)
    torch.testing.assert_close(ours, gradient, rtol=0, atol=2e-8)

    both = case["anl_ce_plus_2_er"]
    loss = losses.build("anl-ce", alpha=both["alpha"], beta=both["beta"])
    value = loss(z, torch.tensor(case["targets"])) + both["lambda"] * term(z)
    (gradient,) = torch.autograd.grad(value, z)
    _meets(value.item(), gradient, both)
