"""Lab 2, "Explain the gradients, on real training": what the student's checks know."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from anl_edu import gradients
from anl_edu.labs.checks import Question
from anl_edu.labs.followed import Followed, follow
from anl_edu.labs.told import first_values, number
from anl_edu.labs.variants import Variant
from anl_edu.teach.answers import AnswerError, as_numbers
from anl_edu.teach.judges import Judge, example, judge_function, judge_loss, judge_number

EPOCH = 8  # the one that 2.8 asks about: much later, rounding begins to decide ANL's gradients
TOLERANCE = 0.02  # of a number measured in training

# 2.1 and 2.2: closed forms ---------------------------------------------------------------------


def _ce(z: Tensor, y: Tensor) -> Tensor:
    return gradients.logit_gradient("ce", z, y)


_CE_MISTAKES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sign": lambda z, y: -_ce(z, y),
    "no-softmax": lambda z, y: z - F.one_hot(y, z.shape[1]),
    "no-label": lambda z, y: z.softmax(1),
    "mean": lambda z, y: _ce(z, y) / len(z),
    "label-only": lambda z, y: _ce(z, y).gather(1, y[:, None])[:, 0],
    "over-samples": lambda z, y: z.softmax(0) - F.one_hot(y, z.shape[1]),
}


def _parts(z: Tensor, y: Tensor, A: float) -> tuple[Tensor, ...]:
    """Return p, e, c, and F_k (N, K) with F_y, F (N, 1), all clamped at A."""
    log = z.log_softmax(1)
    p, c = log.exp(), (-log <= A).to(z.dtype)
    e = F.one_hot(y, z.shape[1]).to(z.dtype)
    F_k = (A + log).clamp(min=0)
    return p, e, c, F_k, (F_k * e).sum(1, keepdim=True), F_k.sum(1, keepdim=True)


def _nnce(z: Tensor, y: Tensor, A: float) -> Tensor:
    return gradients.logit_gradient("nnce", z, y, p_min=math.exp(-A))


def _clamped_value_only(z: Tensor, y: Tensor, A: float) -> Tensor:
    p, e, _, _, F_y, total = _parts(z, y, A)
    return ((p - e) * total - F_y * (z.shape[1] * p - 1)) / total**2


def _never_clamped(z: Tensor, y: Tensor, A: float) -> Tensor:
    p, e, *_ = _parts(z, y, A)
    F_k = A + z.log_softmax(1)
    F_y, total = (F_k * e).sum(1, keepdim=True), F_k.sum(1, keepdim=True)
    return ((p - e) * total - F_y * (z.shape[1] * p - 1)) / total**2


def _plus(z: Tensor, y: Tensor, A: float) -> Tensor:
    p, e, c, _, F_y, total = _parts(z, y, A)
    C = c.sum(1, keepdim=True)
    return ((c * e).sum(1, keepdim=True) * (p - e) * total + F_y * (C * p - c)) / total**2


_NNCE_MISTAKES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "sign": lambda z, y, A: -_nnce(z, y, A),
    "clamped-value-only": _clamped_value_only,
    "never-clamped": _never_clamped,
    "plus": _plus,
    "other-A": lambda z, y, A: _nnce(z, y, 7 * math.log(10)),
    "not-squared": lambda z, y, A: _nnce(z, y, A) * _parts(z, y, A)[-1],
    "no-quotient": lambda z, y, A: (_parts(z, y, A)[0] - _parts(z, y, A)[1]) / _parts(z, y, A)[-1],
    "nce": lambda z, y, A: gradients.logit_gradient("nce", z, y),
    "mean": lambda z, y, A: _nnce(z, y, A) / len(z),
}


def _nnce_inputs(me: Variant) -> list[tuple[Tensor, Tensor, float]]:
    soft, wide = example(6, me.K, seed=2), example(9, me.K, seed=3)
    return [(soft[0].double(), soft[1], me.A), (5 * wide[0].double(), wide[1], me.A - 1)]


def _judge_nnce(me: Variant) -> Judge:
    return judge_function(_nnce, _nnce_inputs(me), _NNCE_MISTAKES, rtol=1e-4, atol=1e-7)


# 2.4 and 2.5: the variant's numbers --------------------------------------------------------------


def _pull_of_nnce(p_y: float, K: int, A: float) -> float:
    """Return |d NNCE / d z_y| where the other K - 1 classes share 1 - p_y equally, none clamped."""
    F_y, F_o = A + math.log(p_y), A + math.log((1 - p_y) / (K - 1))
    total = F_y + (K - 1) * F_o
    return abs(((p_y - 1) * total - F_y * (K * p_y - 1)) / total**2)


def _let_go(me: Variant) -> Judge:
    u = math.exp(-me.A)
    mistakes = {"p-min": 1 - u, "K": 1 - me.K * u, "rest": (me.K - 1) * u}

    def judge(answer: Any) -> str | None:
        rest = as_numbers(1 - _one(answer)).item()  # p_y is nearly 1: the rest is what differs
        for key, wrong in mistakes.items():
            if math.isclose(rest, 1 - wrong, rel_tol=1e-3):
                return key
        return judge_number((me.K - 1) * u, rtol=1e-3, atol=0.0)(rest)

    return judge


def _growth(me: Variant) -> Judge:
    def at(p_y: float, A: float = me.A) -> float:
        return _pull_of_nnce(p_y, me.K, A)

    right = at(0.99) / at(0.5)
    mistakes = {
        "turned": 1 / right,
        "difference": at(0.99) - at(0.5),
        "one": at(0.99),
        "other-A": at(0.99, 7 * math.log(10)) / at(0.5, 7 * math.log(10)),
        "ce": 0.02,
    }
    near = {key: wrong for key, wrong in mistakes.items() if abs(wrong / right - 1) > 0.02}
    return judge_number(right, near, rtol=5e-3)


# 2.6 and 2.7: shares ------------------------------------------------------------------------------


def _norm_shares(g: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
    norms = torch.linalg.vector_norm(g, dim=1)
    part = norms[wrong].sum() / norms.sum()
    return 1 - part, part


def _per_group(g: Tensor, wrong: Tensor, of: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    clean, bad = of(g[~wrong]), of(g[wrong])
    return clean / (clean + bad), bad / (clean + bad)


_NORM_MISTAKES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "swapped": lambda g, wrong: _norm_shares(g, wrong)[::-1],
    "means": lambda g, wrong: _per_group(g, wrong, lambda part: part.norm(dim=1).mean()),
    "summed-first": lambda g, wrong: _per_group(g, wrong, lambda part: part.sum(0).norm()),
    "squares": lambda g, wrong: _per_group(g, wrong, lambda part: part.square().sum()),
    "one-norm": lambda g, wrong: _per_group(g, wrong, lambda part: part.abs().sum()),
    "counts": lambda g, wrong: (1 - wrong.double().mean(), wrong.double().mean()),
    "sums": lambda g, wrong: (g[~wrong].norm(dim=1).sum(), g[wrong].norm(dim=1).sum()),
    "one": lambda g, wrong: _norm_shares(g, wrong)[1],
}


def _grouped(seed: int, N: int, K: int) -> tuple[Tensor, Tensor]:
    z, y = example(N, K, seed=seed)
    return _ce(z.double(), y), torch.arange(N) % 3 == 1


def _update_shares(clean: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
    total = clean + wrong
    return clean @ total / (total @ total), wrong @ total / (total @ total)


_UPDATE_MISTAKES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "swapped": lambda a, b: _update_shares(a, b)[::-1],
    "lengths": lambda a, b: (a.norm() / (a.norm() + b.norm()), b.norm() / (a.norm() + b.norm())),
    "of-total": lambda a, b: (a.norm() / (a + b).norm(), b.norm() / (a + b).norm()),
    "cosine": lambda a, b: (
        a @ (a + b) / (a.norm() * (a + b).norm()),
        b @ (a + b) / (b.norm() * (a + b).norm()),
    ),
    "root": lambda a, b: (a @ (a + b) / (a + b).norm(), b @ (a + b) / (a + b).norm()),
    "absolute": lambda a, b: tuple(part.abs() for part in _update_shares(a, b)),
    "one": lambda a, b: _update_shares(a, b)[1],
}


def _vectors(seed: int, P: int) -> tuple[Tensor, Tensor]:
    z, _ = example(2, P, seed=seed)
    a, b = z.double()
    return a, 0.3 * b - 0.5 * a


# 2.8: measured in training ------------------------------------------------------------------------


@cache
def _followed(me: Variant, loss: str) -> Followed:
    return follow(me, loss, EPOCH)


def _measured(me: Variant, wrong: Tensor, ce: Followed, anl: Followed) -> dict[str, float]:
    """Return the four numbers of question 2.8, from the gradients that were followed."""
    sizes = anl.gradients.norm(dim=2)  # (E + 1, N)
    return {
        "ce_share": gradients.shares(ce.gradients[EPOCH].norm(dim=1), wrong).wrong,
        "anl_share": gradients.shares(sizes[EPOCH], wrong).wrong,
        "ce_update": float(_update_shares(ce.clean[0], ce.wrong[0])[1]),
        "anl_kept": float(sizes[EPOCH, wrong].mean() / sizes[0, wrong].mean()),
    }


def _judge_measured(me: Variant) -> Judge:
    def judge(answer: Any) -> str | None:
        from anl_edu.labs.followed import noisy_digits

        right = _measured(me, noisy_digits(me).wrong, _followed(me, "ce"), _followed(me, "anl-ce"))
        if not isinstance(answer, dict) or set(answer) != set(right):
            raise AnswerError(f"a dict with {', '.join(right)} is needed")
        for name, value in right.items():
            mine = _one(answer[name])
            if abs(mine - value) > TOLERANCE:
                if abs(mine - (1 - value)) <= TOLERANCE:
                    raise AnswerError(f"{name} is the share of the other group")
                if abs(mine / 100 - value) <= TOLERANCE:
                    raise AnswerError(f"{name} is in per cent; a share from 0 to 1 is needed")
                raise AnswerError(f"{name} is {mine:.3f}, which is not what your run gives")
        return None

    return judge


def _measured_told(answer: Any, me: Variant) -> str:
    return "you say " + ", ".join(f"{name} {_one(value):.3f}" for name, value in answer.items())


def _one(answer: Any) -> float:
    value = as_numbers(answer)
    if value.numel() != 1:
        raise AnswerError(f"one number is needed, not {value.numel()} of them")
    return value.item()


# 2.9: size by p_y ---------------------------------------------------------------------------------


def _by_p_y(norms: Tensor, p_y: Tensor, edges: Tensor) -> Tensor:
    place = torch.bucketize(p_y, edges[1:-1], right=True)
    return torch.stack([norms[place == b].mean() for b in range(len(edges) - 1)])  # NaN: empty


def _bins(norms: Tensor, p_y: Tensor, edges: Tensor, of: Callable[[Tensor], Tensor]) -> Tensor:
    pairs = pairwise(edges)
    parts = [norms[(a <= p_y) & (p_y < b)] for a, b in pairs]
    return torch.stack([of(part) for part in parts])


_BIN_MISTAKES: dict[str, Callable[[Tensor, Tensor, Tensor], Any]] = {
    "sum": lambda n, p, edges: torch.stack(
        [
            n[torch.bucketize(p, edges[1:-1], right=True) == b].sum()
            if (torch.bucketize(p, edges[1:-1], right=True) == b).any()
            else n.new_tensor(math.nan)
            for b in range(len(edges) - 1)
        ]
    ),
    "one-lost": partial(_bins, of=torch.mean),
    "empty-zero": lambda n, p, edges: _by_p_y(n, p, edges).nan_to_num(0.0),
    "empty-number": lambda n, p, edges: _by_p_y(n, p, edges).nan_to_num(-1.0),
    "of-p": lambda n, p, edges: _by_p_y(p, p, edges),
}
_NORMS = torch.tensor([0.4, 1.2, 0.3, 0.9, 0.2, 0.05, 0.7, 0.1], dtype=torch.float64)
_P_Y = torch.tensor([0.05, 0.1, 0.99, 0.4, 0.95, 1.0, 0.12, 0.5], dtype=torch.float64)
_EDGES = torch.tensor([0, 0.1, 0.5, 0.8, 0.9, 1], dtype=torch.float64)


def _no_nan(answer: Any) -> Any:
    """Let a function say -1 where it says NaN, which equals nothing, and -2 where it is negative.

    No mean length is negative, so what is may stand for no NaN.
    """
    if not callable(answer):
        return answer

    def told(norms: Tensor, p_y: Tensor, edges: Tensor) -> Tensor:
        given = as_numbers(answer(norms, p_y, edges))
        return given.masked_fill(given < 0, -2.0).masked_fill(given.isnan(), -1.0)

    return told


def _judge_bins(me: Variant) -> Judge:
    inputs = [(_NORMS, _P_Y, _EDGES), (_NORMS[:4], _P_Y[:4], _EDGES[[0, 2, 5]])]
    mistakes = {key: _no_nan(wrong) for key, wrong in _BIN_MISTAKES.items()}
    plain = judge_function(_no_nan(_by_p_y), inputs, mistakes)
    return lambda answer: plain(_no_nan(answer))


QUESTIONS = [
    Question(
        "2.1",
        "Write ce_gradient(logits, targets): (N, K), each sample's own gradient of CE.",
        lambda me: judge_loss(_ce, _CE_MISTAKES, rtol=1e-4, atol=1e-6),
        {
            "sign": "the sign is turned: raising the label's own logit lowers the loss, so its "
            "entry is negative.",
            "no-softmax": "these are logits; probabilities are needed.",
            "no-label": "nothing is subtracted at the label.",
            "mean": "this is divided by N: the gradient of a batch's mean. Each sample's own is "
            "asked for.",
            "label-only": "this is the label's entry alone; all K logits have a gradient.",
            "over-samples": "the softmax runs over the samples; the classes are dimension 1.",
        },
        because="p − e: whatever the label says is not yet believed.",
        numbers=first_values(lambda me: [example(6, 4)]),
    ),
    Question(
        "2.2",
        "Write nnce_gradient(logits, targets, A): (N, K), the closed form of each sample's "
        "gradient of NNCE, also where −log p_k > A.",
        _judge_nnce,
        {
            "sign": "the sign is turned: NNCE is 1 *minus* F_y / F.",
            "clamped-value-only": "right where nothing is clamped. A clamped F_k is 0 *and does "
            "not move*: in dF/dz_j only the classes that are not clamped count, and F_y sends "
            "nothing if the label itself is clamped.",
            "never-clamped": "right where nothing is clamped; but F_k must not become negative.",
            "plus": "(u/v)' = (u'v − uv')/v² has a minus.",
            "other-A": "this is right for p_min = 1e-7; A is an argument here.",
            "not-squared": "by the quotient rule the denominator is F².",
            "no-quotient": "F depends on the logits too.",
            "nce": "this is NCE's gradient: F_k = A + log p_k stands in the place of −log p_k.",
            "mean": "this is divided by N; each sample's own gradient is asked for.",
        },
        because="It agrees with automatic differentiation, clamped classes included.",
        numbers=first_values(_nnce_inputs),
    ),
    Question(
        "2.4",
        "Give the p_y at which NNCE lets go of a sample: the other classes share the rest equally "
        "and reach p_min.",
        _let_go,
        {
            "p-min": "the other classes have p_min *each*.",
            "K": "the label is not one of the other classes.",
            "rest": "that is 1 − p_y; p_y is asked for.",
        },
        numbers=lambda answer, me: f"you say 1 - {as_numbers(1 - _one(answer)).item():.6g}",
    ),
    Question(
        "2.5",
        "Give how many times harder NNCE pulls at p_y = 0.99 than at p_y = 0.5.",
        _growth,
        {
            "turned": "that is the other way round: 0.5 over 0.99.",
            "difference": "that is a difference; a ratio is asked for.",
            "one": "that is the pull at 0.99 itself; divide by the one at 0.5.",
            "other-A": "that is for p_min = 1e-7; take me.A.",
            "ce": "that is CE's ratio; NNCE's is asked for.",
        },
        numbers=number,
    ),
    Question(
        "2.6",
        "Write norm_shares(gradients, wrong): the clean and the wrong labels' share of the sum of "
        "gradient lengths.",
        lambda me: judge_function(
            _norm_shares, [_grouped(4, 12, me.K), _grouped(5, 20, 4)], _NORM_MISTAKES
        ),
        {
            "swapped": "clean comes first, then wrong.",
            "means": "this compares means, and forgets how many samples a group has.",
            "summed-first": "this adds the gradients first, so that they cancel; first each "
            "sample's length, then the sum.",
            "squares": "these are squares of lengths.",
            "one-norm": "a length is the root of the sum of squares, not the sum of sizes.",
            "counts": "this counts samples; one that pulls twice as hard counts twice.",
            "sums": "these are the sums; divide by the sum over all samples.",
            "one": "two numbers are asked for: clean, wrong.",
        },
        numbers=first_values(lambda me: [_grouped(4, 12, me.K)]),
    ),
    Question(
        "2.7",
        "Write update_shares(clean, wrong): of the step along −(clean + wrong), the part that each "
        "of the two vectors contributes.",
        lambda me: judge_function(
            _update_shares, [_vectors(6, 8), _vectors(7, 5)], _UPDATE_MISTAKES
        ),
        {
            "swapped": "clean comes first, then wrong.",
            "lengths": "these are shares of the lengths, which know nothing of direction.",
            "of-total": "these lengths do not add to 1, since directions differ; project first.",
            "cosine": "these are cosines; a long vector contributes more than a short one.",
            "root": "divide by the squared length of the total, so that the two add to 1.",
            "absolute": "a group that pulls backwards has a negative share: keep the sign.",
            "one": "two numbers are asked for: clean, wrong.",
        },
        because="The two add to 1; a negative share is one that the other group has to outvote.",
        numbers=first_values(lambda me: [_vectors(6, 8)]),
    ),
    Question(
        "2.8",
        "Give the four numbers of your own runs.",
        _judge_measured,
        numbers=lambda answer, me: (
            f"you say {', '.join(f'{k} {_one(v):.3f}' for k, v in answer.items())}"
        ),
    ),
    Question(
        "2.9",
        "Write mean_by_p_y(norms, p_y, edges): the mean length in each bin of p_y, NaN in an empty "
        "one.",
        _judge_bins,
        {
            "sum": "this is the sum in each bin; the mean is asked for.",
            "one-lost": "p_y = 1 lies in the last bin, whose upper edge counts.",
            "empty-zero": "an empty bin says 0, as if the loss did not listen there; NaN.",
            "empty-number": "an empty bin says a negative number, and no mean length is one; NaN.",
            "of-p": "this is the mean of p_y, not of the lengths.",
        },
        numbers=first_values(lambda me: [(_NORMS, _P_Y, _EDGES)]),
    ),
]
