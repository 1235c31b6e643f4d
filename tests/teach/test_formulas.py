"""Every entry of the formula page, held against the package's losses."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from anl_edu import losses
from anl_edu.teach import formulas
from anl_edu.teach.formulas import FORMULAS, Formula

row = pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.name)


def predictions(K: int, count: int = 200, size: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(K)
    z = size * torch.randn(count, K, generator=generator, dtype=torch.float64)
    return z, torch.randint(K, (count,), generator=generator)


def value(formula: Formula, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return losses.build(formula.name, reduction="none", **formula.parameters)(z, y)


def sums(formula: Formula, z: torch.Tensor) -> torch.Tensor:
    each = [value(formula, z, torch.full((len(z),), k)) for k in range(z.shape[1])]
    return torch.stack(each).sum(0)


@row
@pytest.mark.parametrize("K", [2, 4, 10])
def test_sum_over_labels(formula: Formula, K: int) -> None:
    total = sums(formula, predictions(K)[0])
    if formula.constant is None:
        assert total.max() - total.min() > 1e-2 * total.mean()
    else:
        assert torch.allclose(total, torch.full_like(total, formula.constant(K)), rtol=1e-9)


@row
@pytest.mark.parametrize("K", [2, 4, 10])
def test_value_at_the_uniform_prediction(formula: Formula, K: int) -> None:
    z = torch.zeros(1, K, dtype=torch.float64)
    assert value(formula, z, torch.tensor([0])).item() == pytest.approx(formula.uniform(K))


@row
def test_range(formula: Formula) -> None:
    """Within the bounds everywhere, and close to both ends somewhere."""
    low, high = formula.bounds(10)
    z, y = predictions(10, size=30.0)
    labels = torch.arange(10)
    one, none = 60 * torch.eye(10).double(), -1e4 * torch.eye(10).double()
    seen = torch.cat(
        [value(formula, z, y), value(formula, one, labels), value(formula, none, labels)]
    )
    assert seen.min() >= low - 1e-9
    assert seen.max() <= high + 1e-9
    assert seen.min() < low + 1e-6
    assert seen.max() > (50 if math.isinf(high) else 0.9 * high)


@row
@pytest.mark.parametrize("K", [2, 4, 10])
def test_gradient_at_the_labels_logit(formula: Formula, K: int) -> None:
    z, y = predictions(K)
    leaf = z.clone().requires_grad_()
    (g,) = torch.autograd.grad(value(formula, leaf, y).sum(), leaf)
    here = g.gather(1, y[:, None])[:, 0]
    assert torch.allclose(formula.slope(z.softmax(1), y), here, rtol=1e-9, atol=1e-12)


def test_the_page_is_kept_in_docs() -> None:
    """``python -m anl_edu.teach.formulas > docs/formulas.md``."""
    kept = Path(__file__).resolve().parents[2] / "docs/formulas.md"
    assert kept.read_text(encoding="utf-8") == formulas.page()


def test_every_loss_has_its_row_in_the_table() -> None:
    lines = formulas.rows().splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == [
        losses.label(f.name) for f in FORMULAS
    ]
    assert all(line.count("|") == 7 for line in lines)
