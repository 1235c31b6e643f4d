"""Lab 1, "Build a robust loss, prove one property": what the student's checks know."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from anl_edu import gradients, losses
from anl_edu.labs.checks import Question
from anl_edu.labs.told import first_values, number
from anl_edu.labs.variants import Variant
from anl_edu.teach.answers import as_numbers, call
from anl_edu.teach.judges import Judge, example, judge_function, judge_number

ALPHA, BETA = 5, 2  # the weights that the lab uses
CLEAN_RISK = 0.5
Answer = Callable[..., Any]


# --- Inputs and numbers ---------------------------------------------------------------------------


def _tables(me: Variant) -> list[tuple[Tensor, Tensor]]:
    """Two tables with labels, of the student's K and of 10 classes."""
    pairs = [example(6, me.K, seed=3), example(9, 10, seed=4)]
    return [(losses.ce_table(z, me.p_min), y) for z, y in pairs]


def _with_maximum(me: Variant) -> list[tuple[Tensor, Tensor, float]]:
    return [(table, y, me.A) for table, y in _tables(me)]


# --- 1.1 The table --------------------------------------------------------------------------------


def _judge_table(me: Variant) -> Judge:
    inputs = [(example(5, me.K, seed=0)[0],), (example(4, 10, seed=1)[0],)]
    mistakes: dict[str, Answer] = {
        "sign": lambda z: z.log_softmax(1),
        "probabilities": lambda z: z.softmax(1),
        "logits": lambda z: -z,
        "batch": lambda z: -z.log_softmax(0),
        "twice": lambda z: -z.softmax(1).log_softmax(1),
        "log2": lambda z: -z.log_softmax(1) / math.log(2),
    }
    by_values = judge_function(losses.ce_table, inputs, mistakes)

    def judge(answer: Any) -> str | None:
        key = by_values(answer)
        if key is None:
            far = torch.tensor([[0.0, 1000.0, -1000.0]])
            key = None if as_numbers(call(answer, far)).isfinite().all() else "infinite"
        return key

    return judge


# --- 1.2 to 1.4 Shares ----------------------------------------------------------------------------


def _label(table: Tensor, y: Tensor) -> Tensor:
    return losses.active(table, y)


def _judge_share(me: Variant) -> Judge:
    return judge_function(
        losses.normalized,
        _tables(me),
        {
            "not-normalised": _label,
            "others": lambda t, y: _label(t, y) / (t.sum(1) - _label(t, y)),
            "mean": lambda t, y: _label(t, y) / t.mean(1),
            "batch": lambda t, y: _label(t, y) / t.sum(0).gather(0, y),
            "batch-all": lambda t, y: _label(t, y) / t.sum(),
            "turned": lambda t, y: 1 - losses.normalized(t, y),
        },
    )


def _flipped(table: Tensor, y: Tensor, A: float) -> Tensor:
    return (A - table).sum(1) - (A - _label(table, y))


def _judge_flip(me: Variant) -> Judge:
    def others(t: Tensor, y: Tensor) -> Tensor:
        return t.sum(1) - _label(t, y)

    return judge_function(
        _flipped,
        _with_maximum(me),
        {
            "label-too": lambda t, y, A: (A - t).sum(1),
            "not-flipped": lambda t, y, A: others(t, y),
            "A-once": lambda t, y, A: A - others(t, y),
            "A-K-times": lambda t, y, A: t.shape[1] * A - others(t, y),
            "only-label": lambda t, y, A: A - _label(t, y),
            "sign": lambda t, y, A: -_flipped(t, y, A),
            "mean": lambda t, y, A: _flipped(t, y, A) / (t.shape[1] - 1),
        },
    )


def _judge_negative(me: Variant) -> Judge:
    return judge_function(
        losses.normalized_negative,
        _with_maximum(me),
        {
            "label-share": lambda t, y, A: (A - _label(t, y)) / (A - t).sum(1),
            "not-flipped": lambda t, y, A: 1 - losses.normalized(t, y),
            "others-below": lambda t, y, A: 1 - (A - _label(t, y)) / _flipped(t, y, A),
            "A-once": lambda t, y, A: 1 - (A - _label(t, y)) / (A - t.sum(1)),
            "mean": lambda t, y, A: losses.normalized_negative(t, y, A) / (t.shape[1] - 1),
            "not-normalised": _flipped,
            "sign": lambda t, y, A: -losses.normalized_negative(t, y, A),
        },
    )


# --- 1.5 ANL --------------------------------------------------------------------------------------


def _anl_inputs(me: Variant) -> list[tuple[Any, ...]]:
    far = example(7, 10, seed=6)
    return [
        (*example(6, me.K, seed=5), ALPHA, BETA, me.p_min),
        (12 * far[0], far[1], 1.0, 3.0, 1e-3),  # with probabilities below p_min
    ]


def _anl(z: Tensor, y: Tensor, alpha: float, beta: float, p_min: float) -> Tensor:
    return alpha * losses.nce(z, y) + beta * losses.nnce(z, y, p_min=p_min)


def _judge_anl(me: Variant) -> Judge:
    def clamped(z: Tensor, y: Tensor, p_min: float) -> Tensor:
        return losses.normalized(losses.ce_table(z, p_min), y)

    def loose(z: Tensor, y: Tensor, p_min: float) -> Tensor:
        return losses.normalized_negative(losses.ce_table(z), y, -math.log(p_min))

    return judge_function(
        _anl,
        _anl_inputs(me),
        {
            "swapped": lambda z, y, a, b, p: _anl(z, y, b, a, p),
            "unweighted": lambda z, y, a, b, p: _anl(z, y, 1, 1, p),
            "active-only": lambda z, y, a, b, p: a * losses.nce(z, y),
            "negative-only": lambda z, y, a, b, p: b * losses.nnce(z, y, p_min=p),
            "not-clamped": lambda z, y, a, b, p: a * losses.nce(z, y) + b * loose(z, y, p),
            "both-clamped": lambda z, y, a, b, p: (
                a * clamped(z, y, p) + b * losses.nnce(z, y, p_min=p)
            ),
            "ce": lambda z, y, a, b, p: a * losses.ce(z, y) + b * losses.nnce(z, y, p_min=p),
            "mean": lambda z, y, a, b, p: _anl(z, y, a, b, p).mean(),
        },
    )


def linear_scores(me: Variant) -> tuple[Tensor, Tensor]:
    """Return logits (N, K) and labels (N,) of the variant's test images under a linear classifier.

    It is fitted to the training images by least squares with a small penalty: no training, and the
    same on every machine.
    """
    digits = me.data()

    def pixels(images: Tensor) -> Tensor:
        x = images.flatten(1).double() / 255  # (N, 64)
        return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)

    x = pixels(digits.x_train)
    wanted = torch.nn.functional.one_hot(digits.y_train, me.K).double()
    weights = torch.linalg.solve(x.T @ x + torch.eye(x.shape[1], dtype=x.dtype), x.T @ wanted)
    return 8 * pixels(digits.x_test) @ weights, digits.y_test


def _judge_mean(me: Variant) -> Judge:
    z, y = linear_scores(me)
    right = _anl(z, y, ALPHA, BETA, me.p_min).mean().item()
    return judge_number(
        right,
        {
            "swapped": _anl(z, y, BETA, ALPHA, me.p_min).mean().item(),
            "sum": right * len(y),
            "unweighted": _anl(z, y, 1, 1, me.p_min).mean().item(),
            "active-only": ALPHA * losses.nce(z, y).mean().item(),
            "negative-only": BETA * losses.nnce(z, y, p_min=me.p_min).mean().item(),
            "first": _anl(z, y, ALPHA, BETA, me.p_min)[0].item(),
        },
        rtol=2e-3,
    )


# --- 1.7 and 1.8 The gradient ---------------------------------------------------------------------


def _slope_inputs(me: Variant) -> list[tuple[Tensor, Tensor, float]]:
    pairs = [example(6, me.K, seed=7), example(5, 10, seed=8)]
    return [(z.double().softmax(1), y, me.A) for z, y in pairs]


def _slope(p: Tensor, y: Tensor, A: float) -> Tensor:
    """D NNCE / d z_y, (N,), where nothing is clamped."""
    K, at = p.shape[1], y[:, None]
    M = A + p.log()
    T, M_y, p_y = M.sum(1), M.gather(1, at)[:, 0], p.gather(1, at)[:, 0]
    return ((p_y - 1) * T - M_y * (K * p_y - 1)) / T**2


def _judge_slope(me: Variant) -> Judge:
    def parts(p: Tensor, y: Tensor, A: float) -> tuple[Tensor, Tensor, Tensor, int]:
        at, M = y[:, None], A + p.log()
        return p.gather(1, at)[:, 0], M.gather(1, at)[:, 0], M.sum(1), p.shape[1]

    def without_square(p: Tensor, y: Tensor, A: float) -> Tensor:
        return _slope(p, y, A) * parts(p, y, A)[2]

    def constant_sum(p: Tensor, y: Tensor, A: float) -> Tensor:
        p_y, _, T, _ = parts(p, y, A)
        return (p_y - 1) / T

    def lacking(p: Tensor, y: Tensor, A: float) -> Tensor:
        p_y, M_y, T, _ = parts(p, y, A)
        return ((p_y - 1) * T - M_y * (p_y - 1)) / T**2

    def other_sign(p: Tensor, y: Tensor, A: float) -> Tensor:
        p_y, M_y, T, K = parts(p, y, A)
        return ((p_y - 1) * T + M_y * (K * p_y - 1)) / T**2

    def of_nce(p: Tensor, y: Tensor, A: float) -> Tensor:
        return -_slope(p, y, 0.0)

    return judge_function(
        _slope,
        _slope_inputs(me),
        {
            "sign": lambda p, y, A: -_slope(p, y, A),
            "size": lambda p, y, A: _slope(p, y, A).abs(),
            "ce": lambda p, y, A: parts(p, y, A)[0] - 1,
            "mae": lambda p, y, A: parts(p, y, A)[0] * (parts(p, y, A)[0] - 1),
            "nce": of_nce,
            "constant-sum": constant_sum,
            "without-K": lacking,
            "without-square": without_square,
            "other-sign": other_sign,
        },
        atol=1e-7,
    )


def _even(p_y: float, K: int) -> tuple[Tensor, Tensor]:
    """One sample whose label 0 has p_y, the other classes sharing the rest equally."""
    rest = (1 - p_y) / (K - 1)
    return torch.tensor([[p_y] + [rest] * (K - 1)], dtype=torch.float64), torch.tensor([0])


def _ratio(K: int, A: float) -> float:
    high, low = (_slope(*_even(p_y, K), A).item() for p_y in (0.99, 0.5))
    return high / low


def _judge_ratio(me: Variant) -> Judge:
    def ratio(name: str) -> float:
        high, low = (gradients.label_gradient(name, p, K=me.K).item() for p in (0.99, 0.5))
        return high / low

    right = _ratio(me.K, me.A)
    mistakes = {
        "upside-down": 1 / right,
        "one-only": abs(_slope(*_even(0.99, me.K), me.A).item()),
        "ce": ratio("ce"),
        "mae": ratio("mae"),
        "nce": ratio("nce"),
        "K-10": _ratio(10, me.A),
        "A-default": _ratio(me.K, losses.ce_maximum()),
    }
    apart = {key: wrong for key, wrong in mistakes.items() if abs(wrong / right - 1) > 0.02}
    return judge_number(right, apart, rtol=5e-3)


# --- 1.10, 1.12 and 1.13 The symmetry condition ---------------------------------------------------


def _judge_sums(me: Variant) -> Judge:
    """Judge (NCE's, NNCE's, ANL's) sum over the labels."""
    K = me.K
    right = (1.0, K - 1.0, ALPHA + BETA * (K - 1.0))
    wrong = {
        "means": (1 / K, (K - 1) / K, right[2] / K),
        "K": (1.0, float(K), ALPHA + BETA * K),
        "unweighted": (1.0, K - 1.0, float(K)),
        "weights-only": (1.0, K - 1.0, float(ALPHA + BETA)),
        "both": (1.0, K - 1.0, (ALPHA + BETA) * (K - 1.0)),
        "swapped": (1.0, K - 1.0, ALPHA * (K - 1.0) + BETA),
        "order": (K - 1.0, 1.0, right[2]),
    }

    def judge(answer: Any) -> str | None:
        given = as_numbers(answer)
        if given.shape == (3,):
            for key, row in {"": right, **wrong}.items():
                if torch.allclose(given, torch.tensor(row, dtype=torch.float64), rtol=1e-6):
                    return key or None
            near = torch.isclose(given, torch.tensor(right, dtype=torch.float64), rtol=1e-6)
            return f"wrong-{int(near.logical_not().nonzero()[0]) + 1}"
        return "three"

    return judge


def _judge_rate(me: Variant) -> Judge:
    mistakes = {"one-class": 1 / me.K, "half": 0.5, "off-diagonal": 1 / (me.K - 1)}
    return judge_number((me.K - 1) / me.K, mistakes, rtol=1e-3)


def _judge_noisy_risk(me: Variant) -> Judge:
    C, share = me.K - 1, me.rate / (me.K - 1)
    right = (1 - me.rate) * CLEAN_RISK + share * (C - CLEAN_RISK)
    mistakes = {
        "clean-part": (1 - me.rate) * CLEAN_RISK,
        "constant-not-less": (1 - me.rate) * CLEAN_RISK + share * C,
        "not-shared": (1 - me.rate) * CLEAN_RISK + me.rate * (C - CLEAN_RISK),
        "shared-by-K": (1 - me.rate) * CLEAN_RISK + me.rate / me.K * (C - CLEAN_RISK),
        "C-of-NCE": (1 - me.rate) * CLEAN_RISK + share * (1 - CLEAN_RISK),
        "unchanged": CLEAN_RISK,
    }
    apart = {key: wrong for key, wrong in mistakes.items() if abs(wrong / right - 1) > 0.01}
    return judge_number(right, apart, rtol=2e-3)


# --- The questions --------------------------------------------------------------------------------

QUESTIONS = [
    Question(
        "1.1",
        "Write table_of_ce(logits): -log p_k of every sample under every label, (N, K, ...).",
        _judge_table,
        {
            "sign": "the sign is turned: log p is negative, a loss is not.",
            "probabilities": "that is p itself; the loss under label k is -log p_k.",
            "logits": "the logits are no log probabilities yet: log_softmax normalises them.",
            "batch": "softmax runs over the classes, dim=1; yours mixes the samples.",
            "twice": "a softmax too many: log_softmax takes the logits, not probabilities.",
            "log2": "the natural logarithm is meant.",
            "infinite": "right for ordinary logits, but infinite for one of 1000: the logarithm of "
            "a softmax that is 0. log_softmax does both at once.",
        },
        first_values(lambda me: [(example(5, me.K, seed=0)[0],)]),
        "One log_softmax; the loss of every label stands in the table.",
    ),
    Question(
        "1.2",
        "Write label_share(table, y): L_y / sum_k L_k per sample, (N, ...).",
        _judge_share,
        {
            "not-normalised": "that is L_y alone; divide it by the sum of its row.",
            "others": "below the line the sum is over all K labels, the sample's own included.",
            "mean": "below the line stands the sum of the row, not its mean.",
            "batch": "you add up columns, over the samples; a sample's own row is meant, dim=1.",
            "batch-all": "you divide by the sum of the whole table; each sample has its own sum.",
            "turned": "that is what is left of the row; the label's own share is meant.",
        },
        first_values(_tables),
        "With CE's table this is NCE.",
    ),
    Question(
        "1.3",
        "Write flipped_sum(table, y, A): the sum of A - L_k over all k except the label, (N, ...).",
        _judge_flip,
        {
            "label-too": "the label's own entry must stay out.",
            "not-flipped": "that is the sum of L_k over the other labels; turn each over: A - L_k.",
            "A-once": "each of the K - 1 terms has its own A.",
            "A-K-times": "one A too many: there are K - 1 terms, not K.",
            "only-label": "that is the label's entry; all the others are wanted.",
            "sign": "the sign is turned: A is the largest value, so A - L_k is not negative.",
            "mean": "you divided by K - 1; the plain sum is wanted.",
        },
        first_values(_with_maximum),
        "What was to be made large for the other labels is now to be made small.",
    ),
    Question(
        "1.4",
        "Write negative_share(table, y, A): 1 - (A - L_y) / sum_k (A - L_k) per sample, (N, ...).",
        _judge_negative,
        {
            "label-share": "that is the label's share; the loss is what is left: 1 minus it.",
            "not-flipped": "the shares are those of L_k; flip first, then take shares.",
            "others-below": "below the line the sum runs over all K labels, the own included.",
            "A-once": "below the line every one of the K terms has its own A.",
            "mean": "you divided by K - 1 as well; the shares alone are wanted.",
            "not-normalised": "that is the flipped sum of 1.3; divide it by the sum over all k.",
            "sign": "the sign is turned: this loss lies between 0 and 1.",
        },
        first_values(_with_maximum),
        "With CE's table this is NNCE.",
    ),
    Question(
        "1.5",
        "Write my_anl(logits, y, alpha, beta, p_min): alpha NCE + beta NNCE per sample, (N, ...).",
        _judge_anl,
        {
            "swapped": "alpha weighs the active half (1.2), beta the negative one (1.4).",
            "unweighted": "the weights alpha and beta are missing.",
            "active-only": "that is alpha NCE; beta NNCE is to be added.",
            "negative-only": "that is beta NNCE; alpha NCE is to be added.",
            "not-clamped": "where p_k < p_min, A - L_k is negative; in NNCE no L_k may exceed A.",
            "both-clamped": "clamp the table for NNCE alone; NCE takes it as it is.",
            "ce": "the active half is normalised: alpha NCE, not alpha CE.",
            "mean": "one value per sample is wanted; leave the mean to whoever calls.",
        },
        first_values(_anl_inputs),
        "Two shares of one table.",
    ),
    Question(
        "1.6",
        f"Give mean_anl: the mean of ANL ({ALPHA}, {BETA}) over your test images, with your p_min.",
        _judge_mean,
        {
            "swapped": "alpha weighs NCE, beta NNCE.",
            "sum": "that is the sum over the images; their mean is asked for.",
            "unweighted": "the weights alpha and beta are missing.",
            "active-only": "that is the first half; beta NNCE is to be added.",
            "negative-only": "that is the second half; alpha NCE is to be added.",
            "first": "that is the first image's; the mean over all is asked for.",
        },
        number,
        "Compare it with what a network that knows nothing has: alpha / K + beta (K - 1) / K.",
    ),
    Question(
        "1.7",
        "Write slope_by_hand(p, y, A): d NNCE / d z_y per sample, from p (N, K), without autograd.",
        _judge_slope,
        {
            "sign": "the sign is turned: a larger logit of the label makes the loss smaller.",
            "size": "that is its size; the derivative itself is negative.",
            "ce": "that is CE's, p_y - 1.",
            "mae": "that is MAE's, p_y (p_y - 1).",
            "nce": "that is NCE's; here the shares are those of M_k = A + log p_k.",
            "constant-sum": "T changes with z_y too: that is the second term of the quotient rule.",
            "without-K": "d T / d z_y adds up all K classes: it is 1 - K p_y.",
            "without-square": "below the line stands T squared.",
            "other-sign": "the sign of the second term is turned; d T / d z_y = 1 - K p_y.",
        },
        first_values(_slope_inputs),
        "NNCE = 1 - M_y / T; the quotient rule, with d M_j / d z_y = delta_jy - p_y.",
    ),
    Question(
        "1.8",
        "Give slope_ratio: NNCE's slope at p_y = 0.99 divided by that at p_y = 0.5, for your K, A.",
        _judge_ratio,
        {
            "upside-down": "it is upside down: the slope at 0.99 stands above the line.",
            "one-only": "that is the slope at 0.99; divide it by that at 0.5.",
            "ce": "that is CE's ratio.",
            "mae": "that is MAE's ratio.",
            "nce": "that is NCE's ratio.",
            "K-10": "that is for 10 classes; take your K.",
            "A-default": "that is for p_min = 1e-7; take your A.",
        },
        number,
        "More than 1: the better a sample is learned, the harder NNCE pulls. CE does the opposite.",
    ),
    Question(
        "1.10",
        f"Give sums: what NCE, NNCE and ANL ({ALPHA}, {BETA}) sum to over the labels, your K.",
        _judge_sums,
        {
            "means": "those are means over the labels; their sums are asked for.",
            "K": "the shares of K labels add to 1; 1 minus each of them, to K - 1.",
            "unweighted": "the third needs the weights: alpha times the first, beta the second.",
            "weights-only": "NNCE sums to K - 1, not to 1: the third is alpha + beta (K - 1).",
            "both": "NCE sums to 1, not to K - 1: the third is alpha + beta (K - 1).",
            "swapped": "alpha weighs NCE, beta NNCE.",
            "order": "the first is NCE's, the second NNCE's.",
            "three": "three numbers are needed: (NCE's, NNCE's, ANL's).",
            "wrong-1": "the first is not right: over the labels, the shares of a row add to ...",
            "wrong-2": "the second is not right: 1 minus a share, K times.",
            "wrong-3": "the third is not right: weigh the first two.",
        },
        number,
        "The same for every sample, whatever the network says: the symmetry condition.",
    ),
    Question(
        "1.12",
        "Give largest_rate: below which rate of symmetric noise such a loss is robust, for your K.",
        _judge_rate,
        {
            "one-class": "that is the share of the right label when labels are drawn at random; "
            "the rate is that of the wrong ones.",
            "half": "that is for K = 2; more classes bear more.",
            "off-diagonal": "compare 1 - eta with eta / (K - 1), the share of one wrong label.",
        },
        number,
        "Below it the right label is still the most frequent one.",
    ),
    Question(
        "1.13",
        f"Give noisy_risk: NNCE's mean under symmetric noise of your rate, if {CLEAN_RISK} clean.",
        _judge_noisy_risk,
        {
            "clean-part": "that is the part of the labels that stay right; add the wrong ones'.",
            "constant-not-less": "the wrong labels' losses add to C minus the right label's own.",
            "not-shared": "each of the K - 1 wrong labels has the share eta / (K - 1).",
            "shared-by-K": "eta is shared by the K - 1 wrong labels, not by K.",
            "C-of-NCE": "C is NNCE's sum over the labels, from 1.10, not NCE's.",
            "unchanged": "that is the risk under clean labels; some are wrong now.",
        },
        number,
        "It is a straight line in the clean risk, rising: so both have their least at one place.",
    ),
]
