"""Exercises of lesson 05: gradients, clean against noisy."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anl_edu import gradients, losses
from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import judge_choice, judge_function, judge_loss, judge_number

# 05-ce-gradient --------------------------------------------------------------------------------


def _ce(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.softmax(1) - F.one_hot(targets, logits.shape[1])


def _ce_in_place(logits: Tensor, targets: Tensor) -> Tensor:
    g = torch.softmax(logits.double(), 1)
    g[torch.arange(len(g)), targets] -= 1
    return g


def _ce_autograd(logits: Tensor, targets: Tensor) -> Tensor:
    z = logits.detach().requires_grad_()
    (g,) = torch.autograd.grad(F.cross_entropy(z, targets, reduction="sum"), z)
    return g


def _ce_sign(logits: Tensor, targets: Tensor) -> Tensor:
    return -_ce(logits, targets)


def _ce_no_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    return logits - F.one_hot(targets, logits.shape[1])


def _ce_no_label(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.softmax(1)


def _ce_label_only(logits: Tensor, targets: Tensor) -> Tensor:
    return losses.active(_ce(logits, targets), targets)


def _ce_mean(logits: Tensor, targets: Tensor) -> Tensor:
    return _ce(logits, targets) / len(logits)


def _ce_log(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.log_softmax(1) - F.one_hot(targets, logits.shape[1])


register(
    Exercise(
        name="05-ce-gradient",
        lesson=5,
        difficulty=1,
        task="Write ce_gradient(logits, targets): (N, K), each sample's gradient of CE at its "
        "own logits.",
        judge=judge_loss(
            _ce,
            {
                "sign": _ce_sign,
                "no-softmax": _ce_no_softmax,
                "no-label": _ce_no_label,
                "label-only": _ce_label_only,
                "mean": _ce_mean,
                "log": _ce_log,
            },
        ),
        hints={
            "sign": "the sign is turned: raising the label's own logit must lower the loss, so "
            "its entry is negative.",
            "no-softmax": "these are the logits themselves. Probabilities p = softmax(z) are "
            "needed.",
            "no-label": "the label is missing: at the label's place 1 is subtracted.",
            "label-only": "this is the entry at the label alone. The other K − 1 logits have a "
            "gradient too.",
            "mean": "this is divided by the number of samples: the gradient of the batch's mean. "
            "Each sample's own gradient is asked for.",
            "log": "these are logarithms of probabilities; the gradient has the probabilities "
            "themselves.",
        },
        general_hints=[
            "The rule above gives every entry: p_j, and at the label p_y − 1.",
            "Start from `logits.softmax(1)`. What has to change at the label's place?",
            "`F.one_hot(targets, K)` is the matrix e, with 1 at each label.",
        ],
        solution="""\
def ce_gradient(logits, targets):
    p = logits.softmax(1)                                        # (N, K)
    return p - torch.nn.functional.one_hot(targets, p.shape[1])  # p_j - delta_jy""",
        wrong_bank=[
            (_ce_sign, "sign"),
            (_ce_no_softmax, "no-softmax"),
            (_ce_no_label, "no-label"),
            (_ce_label_only, "label-only"),
            (_ce_mean, "mean"),
            (_ce_log, "log"),
        ],
        right_bank=[_ce, _ce_in_place, _ce_autograd],
    )
)

# 05-nnce-gradient ------------------------------------------------------------------------------

_A = losses.ce_maximum()


def _parts(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return p, e, F_k (N, K) and F_y, F (N, 1)."""
    p = logits.softmax(1)
    e = F.one_hot(targets, logits.shape[1]).to(p.dtype)
    F_k = _A + p.log()
    return p, e, F_k, (F_k * e).sum(1, keepdim=True), F_k.sum(1, keepdim=True)


def _nnce(logits: Tensor, targets: Tensor) -> Tensor:
    p, e, _, F_y, F = _parts(logits, targets)
    return ((p - e) * F - F_y * (logits.shape[1] * p - 1)) / F**2


def _nnce_two_terms(logits: Tensor, targets: Tensor) -> Tensor:
    p, e, _, F_y, F = _parts(logits.double(), targets)
    return (p - e) / F - (F_y / F) * (p.shape[1] * p - 1) / F


def _nnce_autograd(logits: Tensor, targets: Tensor) -> Tensor:
    z = logits.detach().requires_grad_()
    (g,) = torch.autograd.grad(losses.nnce(z, targets).sum(), z)
    return g


def _nnce_sign(logits: Tensor, targets: Tensor) -> Tensor:
    return -_nnce(logits, targets)


def _nnce_plus(logits: Tensor, targets: Tensor) -> Tensor:
    p, e, _, F_y, F = _parts(logits, targets)
    return ((p - e) * F + F_y * (logits.shape[1] * p - 1)) / F**2


def _nnce_no_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    _, e, _, F_y, F = _parts(logits, targets)
    return (-e * F + F_y) / F**2


def _nnce_not_squared(logits: Tensor, targets: Tensor) -> Tensor:
    return _nnce(logits, targets) * _parts(logits, targets)[-1]


def _nnce_no_quotient(logits: Tensor, targets: Tensor) -> Tensor:
    p, e, _, _, F = _parts(logits, targets)
    return (p - e) / F


def _nnce_no_classes(logits: Tensor, targets: Tensor) -> Tensor:
    p, e, _, F_y, F = _parts(logits, targets)
    return ((p - e) * F - F_y * (p - 1)) / F**2


def _nce(logits: Tensor, targets: Tensor) -> Tensor:
    return gradients.logit_gradient("nce", logits, targets)


register(
    Exercise(
        name="05-nnce-gradient",
        lesson=5,
        difficulty=3,
        task="Write nnce_gradient(logits, targets): (N, K), the closed form of each sample's "
        "gradient of NNCE at its logits, nothing being clamped.",
        judge=judge_loss(
            _nnce,
            {
                "sign": _nnce_sign,
                "plus": _nnce_plus,
                "no-softmax": _nnce_no_softmax,
                "not-squared": _nnce_not_squared,
                "no-quotient": _nnce_no_quotient,
                "no-K": _nnce_no_classes,
                "nce": _nce,
            },
            atol=1e-7,
        ),
        hints={
            "sign": "the sign is turned: NNCE is 1 *minus* F_y / F.",
            "plus": "the second term has the wrong sign: (u/v)' = (u'v − uv') / v², with a minus.",
            "no-softmax": "d log p_k / d z_j is δ_jk − p_j. The softmax term −p_j is missing: "
            "every logit moves every probability.",
            "not-squared": "by the quotient rule the denominator is F², not F.",
            "no-quotient": "F was treated as a constant, but it depends on the logits too.",
            "no-K": "F is a sum of K terms, so its derivative is 1 − K p_j.",
            "nce": "this is the gradient of NCE: M_k = A + log p_k is needed where you have "
            "l_k = −log p_k.",
        },
        general_hints=[
            "F_k = A + log p_k, so dF_k/dz_j = δ_jk − p_j. What is then dF/dz_j?",
            "dF/dz_j = 1 − K p_j. Now the quotient rule on −F_y / F.",
            "[(p_j − δ_jy) F − F_y (K p_j − 1)] / F², with F_y and F of shape (N, 1).",
        ],
        solution="""\
def nnce_gradient(logits, targets):
    K = logits.shape[1]
    p = logits.softmax(1)                            # (N, K)
    e = torch.nn.functional.one_hot(targets, K)      # (N, K)
    F_k = losses.ce_maximum() + p.log()              # (N, K)
    F_y = F_k.gather(1, targets[:, None])            # (N, 1)
    F = F_k.sum(1, keepdim=True)                     # (N, 1)
    return ((p - e) * F - F_y * (K * p - 1)) / F**2""",
        wrong_bank=[
            (_nnce_sign, "sign"),
            (_nnce_plus, "plus"),
            (_nnce_no_softmax, "no-softmax"),
            (_nnce_not_squared, "not-squared"),
            (_nnce_no_quotient, "no-quotient"),
            (_nnce_no_classes, "no-K"),
            (_nce, "nce"),
        ],
        right_bank=[_nnce, _nnce_two_terms, _nnce_autograd],
    )
)

# 05-listens ------------------------------------------------------------------------------------

register(
    Exercise(
        name="05-listens",
        lesson=5,
        difficulty=1,
        task='Give "CE", "MAE", "NCE" or "NNCE": which pulls hardest on a sample with '
        "p_y = 0.999, K = 10?",
        judge=judge_choice("NNCE", ("CE", "MAE", "NCE", "NNCE")),
        hints={
            "ce": "CE's pull is 1 − p_y: a thousandth. It has nearly let go of this sample.",
            "mae": "MAE's pull is p_y (1 − p_y), here just below CE's: it lets go of what it has "
            "learned.",
            "nce": "NCE's pull vanishes even faster than CE's. Look at the table's last row again.",
        },
        general_hints=[
            "Run `gradients.label_gradient(name, 0.999)` for each name.",
            "In the table's last row, one number is larger than all others in that row.",
        ],
        solution='answer = "NNCE"    # 0.0231, more than 20 times CE\'s 0.001',
        wrong_bank=[("CE", "ce"), ("mae", "mae"), ("NCE", "nce")],
        right_bank=["NNCE", "nnce", " NNCE "],
    )
)

# 05-lets-go ------------------------------------------------------------------------------------

register(
    Exercise(
        name="05-lets-go",
        lesson=5,
        difficulty=2,
        task="With K = 100 classes and p_min = 1e-7, NNCE lets go of a sample when the other "
        "classes, sharing 1 - p_y equally, fall below p_min. Give 1 - p_y at that moment.",
        judge=judge_number(
            99e-7,
            {
                "p-min": 1e-7,
                "K": 100e-7,
                "ten": 9e-7,
                "p-y": 1 - 99e-7,
                "percent": 99e-5,
                "one-place-up": 99e-6,
                "one-place-down": 99e-8,
                "divided": 1e-7 / 99,
            },
            rtol=2e-3,
            atol=0.0,
        ),
        hints={
            "p-min": "that is what *each* other class has. Together they have more.",
            "K": "the label is not one of the *other* classes: there are K − 1 of them.",
            "ten": "that is for K = 10. Here K = 100.",
            "p-y": "that is p_y; 1 − p_y is asked for.",
            "percent": "that is in per cent; give the share itself, as p_min is given.",
            "one-place-up": "ten times too large: 1e-7 is 0.0000001, with six zeros after the "
            "point.",
            "one-place-down": "ten times too small: count the places of 1e-7 once more.",
            "divided": "p_min is what each of them has when the share is divided; to undo that, "
            "multiply.",
        },
        general_hints=[
            "Each of the other classes has (1 − p_y) / (K − 1).",
            "Set (1 − p_y) / (K − 1) equal to p_min and solve.",
        ],
        solution="answer = (100 - 1) * 1e-7    # 9.9e-06",
        wrong_bank=[
            (1e-7, "p-min"),
            (1e-5, "K"),
            (9e-7, "ten"),
            (1 - 9.9e-6, "p-y"),
            (9.9e-4, "percent"),
            (9.9e-5, "one-place-up"),
            (9.9e-7, "one-place-down"),
            (1.01e-9, "divided"),
            *[(other, "error") for other in (9.9e-3, 5e-6, -9.9e-6)],
        ],
        right_bank=[
            *(9.9e-6, 99e-7, torch.tensor(9.9e-6, dtype=torch.float64), [9.9e-6]),
            *(Fraction(99, 10**7), Decimal("9.9e-6"), np.float32(9.9e-6)),
        ],
    )
)

# 05-share --------------------------------------------------------------------------------------

_generator = torch.Generator().manual_seed(5)
_NORMS = torch.rand(12, generator=_generator, dtype=torch.float64).square()
_WRONG = torch.tensor([True, False, True, True, False, False, True, True, False, True, True, False])


def _share(norms: Tensor, wrong: Tensor) -> Tensor:
    return norms[wrong].sum() / norms.sum()


def _share_weighted(norms: Tensor, wrong: Tensor) -> Tensor:
    return (norms * wrong).sum() / norms.sum()


def _share_python(norms: Tensor, wrong: Tensor) -> float:
    pairs = list(zip(norms.tolist(), wrong.tolist(), strict=True))
    return sum(n for n, w in pairs if w) / sum(n for n, _ in pairs)


def _share_clean(norms: Tensor, wrong: Tensor) -> Tensor:
    return norms[~wrong].sum() / norms.sum()


def _share_count(norms: Tensor, wrong: Tensor) -> Tensor:
    return wrong.double().mean()


def _share_ratio(norms: Tensor, wrong: Tensor) -> Tensor:
    return norms[wrong].sum() / norms[~wrong].sum()


def _share_means(norms: Tensor, wrong: Tensor) -> Tensor:
    a, b = norms[wrong].mean(), norms[~wrong].mean()
    return a / (a + b)


def _share_sum(norms: Tensor, wrong: Tensor) -> Tensor:
    return norms[wrong].sum()


register(
    Exercise(
        name="05-share",
        lesson=5,
        difficulty=1,
        task="Write wrong_share(norms, wrong): the share of all gradient norm that comes from "
        "wrong labels, a number from 0 to 1.",
        judge=judge_function(
            _share,
            [(_NORMS, _WRONG), (_NORMS[3:].float(), _WRONG[3:])],
            {
                "clean": _share_clean,
                "count": _share_count,
                "ratio": _share_ratio,
                "means": _share_means,
                "sum": _share_sum,
            },
        ),
        hints={
            "clean": "this is the share of the correctly labelled samples.",
            "count": "this counts samples. A sample that pulls twice as hard must count twice.",
            "ratio": "this compares wrong with correct labels and can exceed 1. Divide by the sum "
            "over *all* samples.",
            "means": "this compares the two means, so it forgets how many samples each group has.",
            "sum": "this is the sum itself; divide it by the sum over all samples.",
        },
        general_hints=[
            "`norms[wrong]` are the norms of the samples with wrong labels.",
            "Their sum, divided by the sum of all norms.",
        ],
        solution="""\
def wrong_share(norms, wrong):
    return norms[wrong].sum() / norms.sum()""",
        wrong_bank=[
            (_share_clean, "clean"),
            (_share_count, "count"),
            (_share_ratio, "ratio"),
            (_share_means, "means"),
            (_share_sum, "sum"),
        ],
        right_bank=[_share, _share_weighted, _share_python],
    )
)
