"""Lab 3, "Train, sweep and argue under a noise of your own": what the student's checks know."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from anl_edu.labs.checks import Question
from anl_edu.labs.own_noise import SEEDS, WEIGHTS, band, own_digits, uniforms
from anl_edu.labs.told import first_values, number
from anl_edu.labs.variants import Variant
from anl_edu.teach.answers import AnswerError, as_numbers
from anl_edu.teach.judges import Judge, judge_function

# 3.1: a matrix of one's own ----------------------------------------------------------------------


def _judge_matrix(me: Variant) -> Judge:
    low, high = band(me)

    def judge(answer: Any) -> str | None:
        T = as_numbers(answer)
        if T.shape != (me.K, me.K):
            raise AnswerError(f"T must be ({me.K}, {me.K}), not {tuple(T.shape)}")
        if not ((T >= -1e-9) & (T <= 1 + 1e-9)).all():  # rounding, in a row closed by subtraction
            return "range"
        if not torch.allclose(T.sum(1), T.new_ones(me.K), atol=1e-6, rtol=0):
            columns = torch.allclose(T.sum(0), T.new_ones(me.K), atol=1e-6, rtol=0)
            return "columns" if columns else "rows"
        others = T.masked_fill(torch.eye(me.K, dtype=torch.bool), -1.0).amax(1)
        if (others >= T.diagonal()).any():
            return "diagonal"
        rate = 1 - T.diagonal().mean().item()
        if not low - 1e-9 <= rate <= high + 1e-9:
            raise AnswerError(f"the rate is {rate:.3f}; your band is {low} to {high}")
        return "symmetric" if (T - T.T).abs().max() < 0.05 else None

    return judge


def _told(answer: Any, me: Variant) -> str:
    T = as_numbers(answer)
    sums = ", ".join(f"{s:.3f}" for s in T.sum(1).tolist())
    low, high = band(me)
    return f"rows sum to {sums}; rate {1 - T.diagonal().mean():.3f}, band {low} to {high}"


# 3.3 and 3.4: labels drawn and counted -----------------------------------------------------------


def _draw(y: Tensor, T: Tensor, u: Tensor) -> Tensor:
    return (u[:, None] >= T.cumsum(1)[y]).sum(1).clamp(max=len(T) - 1)


_DRAW_MISTAKES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "column": lambda y, T, u: (u[:, None] >= T.T.cumsum(1)[y]).sum(1).clamp(max=len(T) - 1),
    "over-rows": lambda y, T, u: (u[:, None] >= T.cumsum(0)[y]).sum(1).clamp(max=len(T) - 1),
    "likeliest": lambda y, T, u: T[y].argmax(1),
    "one-late": lambda y, T, u: (_draw(y, T, u) + 1).clamp(max=len(T) - 1),
    "turned": lambda y, T, u: _draw(y, T, 1 - u),
}
_OWN = torch.tensor([[0.7, 0.3, 0, 0], [0, 0.8, 0.1, 0.1], [0.2, 0.2, 0.6, 0], [0, 0, 0, 1.0]])


def _draws(seed: int, N: int) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    u = torch.rand(N, dtype=torch.float64, generator=g)
    return torch.arange(N) % 4, _OWN.double(), u


def _excess(y: Tensor, noisy: Tensor, T: Tensor) -> Tensor:
    K = len(T)
    counts = torch.bincount(y * K + noisy, minlength=K * K).view(K, K).double()
    n = counts.sum(1, keepdim=True)
    spread = (n * T * (1 - T)).clamp(min=0).sqrt()
    return torch.where(spread > 0, (counts - n * T) / spread.clamp(min=1e-12), spread)


def _parts(y: Tensor, noisy: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
    K = len(T)
    counts = torch.bincount(y * K + noisy, minlength=K * K).view(K, K).double()
    return counts, counts.sum(1, keepdim=True)


_EXCESS_MISTAKES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "turned": lambda y, noisy, T: -_excess(y, noisy, T),
    "swapped": lambda y, noisy, T: _excess(noisy, y, T),
    "difference": lambda y, noisy, T: _parts(y, noisy, T)[0] - _parts(y, noisy, T)[1] * T,
    "shares": lambda y, noisy, T: _parts(y, noisy, T)[0] / _parts(y, noisy, T)[1] - T,
    "variance": lambda y, noisy, T: (
        _excess(y, noisy, T) / (_parts(y, noisy, T)[1] * T * (1 - T)).sqrt().clamp(min=1e-12)
    ),
    "poisson": lambda y, noisy, T: _excess(y, noisy, T) * (1 - T).clamp(min=0).sqrt(),
    "all": lambda y, noisy, T: torch.where(
        (T > 0) & (T < 1),
        (_parts(y, noisy, T)[0] - _parts(y, noisy, T)[1] * T)
        / (len(y) * T * (1 - T)).sqrt().clamp(min=1e-12),
        torch.zeros_like(T),
    ),
}


def _counted(seed: int, N: int) -> tuple[Tensor, Tensor, Tensor]:
    y, T, u = _draws(seed, N)
    return y, _draw(y, T, u), T


def _judge_realised(me: Variant) -> Judge:
    clean = own_digits(me).y_train

    def judge(answer: Any) -> str | None:
        if not isinstance(answer, list | tuple) or len(answer) != 3:
            raise AnswerError("three things are needed: T, the labels drawn, and their rate")
        T, noisy, rate = (as_numbers(part) for part in answer)
        wanted = _draw(clean, T, uniforms(me))
        if noisy.shape != wanted.shape:
            raise AnswerError(f"{len(wanted)} labels are needed, not {tuple(noisy.shape)}")
        if (noisy != wanted).any():
            return "other-labels"
        if rate.numel() != 1:
            raise AnswerError(f"the rate is one number, not {rate.numel()} of them")
        right = (wanted != clean).double().mean().item()
        if abs(rate.item() - right) > 1e-3:
            nominal = abs(rate.item() - (1 - T.diagonal().mean().item())) < 1e-3
            return "nominal" if nominal else "rate"
        return None

    return judge


# 3.6 to 3.11: over seeds --------------------------------------------------------------------------

KEYS = (("ce", 0.0), *(("anl-ce", weight) for weight in WEIGHTS))


def _judge_records(me: Variant) -> Judge:
    def judge(answer: Any) -> str | None:
        if not isinstance(answer, Mapping) or set(answer) != set(KEYS):
            raise AnswerError("the keys must be " + ", ".join(map(str, KEYS)))
        for key in KEYS:
            rows = answer[key]
            if not isinstance(rows, Sequence) or len(rows) != len(SEEDS):
                raise AnswerError(f"{key} needs a list of {len(SEEDS)} records")
            if len({tuple(row.mean_prediction) for row in rows}) < len(SEEDS):
                return "same-seed"
        return None

    return judge


def _mean_deviation(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.mean(1), values.std(1)


_SPREAD_MISTAKES: dict[str, Callable[[Tensor], Any]] = {
    "population": lambda v: (v.mean(1), v.std(1, correction=0)),
    "over-settings": lambda v: (v.mean(0), v.std(0)),
    "standard-error": lambda v: (v.mean(1), v.std(1) / math.sqrt(v.shape[1])),
    "variance": lambda v: (v.mean(1), v.var(1)),
    "range": lambda v: (v.mean(1), v.max(1).values - v.min(1).values),
    "median": lambda v: (v.median(1).values, v.std(1)),
    "swapped": lambda v: (v.std(1), v.mean(1)),
}
_TABLE = torch.tensor(  # in these three, every mistake of the choice makes another choice
    [[0.67, 0.7, 0.67], [0.62, 0.75, 0.71], [0.63, 0.75, 0.68], [0.73, 0.77, 0.67]]
).double()
_SECOND = torch.tensor(
    [[0.74, 0.73, 0.66], [0.71, 0.74, 0.73], [0.72, 0.64, 0.65], [0.73, 0.68, 0.77]]
).double()
_THIRD = torch.tensor(
    [[0.73, 0.73, 0.68], [0.75, 0.77, 0.68], [0.64, 0.69, 0.68], [0.76, 0.77, 0.7]]
).double()
_WEIGHTS = torch.tensor([0.0, 0.5, 2.0, 8.0])


def _choose(weights: Tensor, held_out: Tensor) -> Tensor:
    mean, error = held_out.mean(1), held_out.std(1) / math.sqrt(held_out.shape[1])
    best = mean.argmax()
    return weights[mean >= mean[best] - error[best]].min()


_CHOICE_MISTAKES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "best": lambda w, h: w[h.mean(1).argmax()],
    "deviation": lambda w, h: w[h.mean(1) >= h.mean(1).max() - h.std(1)[h.mean(1).argmax()]].min(),
    "own-error": lambda w, h: w[
        h.mean(1) + h.std(1) / math.sqrt(h.shape[1]) >= h.mean(1).max()
    ].min(),
    "luckiest": lambda w, h: w[h.max(1).values.argmax()],
    "largest": lambda w, h: w[
        h.mean(1) >= h.mean(1).max() - h.std(1)[h.mean(1).argmax()] / math.sqrt(h.shape[1])
    ].max(),
    "place": lambda w, h: (w == _choose(w, h)).nonzero()[0, 0],
    "smallest": lambda w, h: w.min(),
}


def _paired(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    d = a - b
    return d.mean(), d.std() / math.sqrt(len(d))


_PAIRED_MISTAKES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "turned": lambda a, b: _paired(b, a),
    "unpaired": lambda a, b: (
        a.mean() - b.mean(),
        (a.var() / len(a) + b.var() / len(b)).sqrt(),
    ),
    "deviation": lambda a, b: ((a - b).mean(), (a - b).std()),
    "population": lambda a, b: (
        (a - b).mean(),
        (a - b).std(correction=0) / math.sqrt(len(a)),
    ),
    "absolute": lambda a, b: (
        (a - b).abs().mean(),
        (a - b).abs().std() / math.sqrt(len(a)),
    ),
}
_PAIRS = [
    (torch.tensor([0.92, 0.88, 0.95]).double(), torch.tensor([0.81, 0.9, 0.78]).double()),
    (torch.tensor([0.5, 0.7, 0.6, 0.8]).double(), torch.tensor([0.55, 0.66, 0.4, 0.7]).double()),
]
_CHOICES = [(_WEIGHTS, table) for table in (_TABLE, _SECOND, _THIRD)]


def _judge_table(me: Variant) -> Judge:
    def judge(answer: Any) -> str | None:
        if not isinstance(answer, list | tuple) or len(answer) != 3:
            raise AnswerError("three things are needed: the table, the records, the chosen weight")
        table, records, chosen = answer
        weight = as_numbers(chosen).item()  # a tensor is no key of the records
        rows = {"ce": ("ce", 0.0), "anl-ce": ("anl-ce", 0.0), "anl-ce + er": ("anl-ce", weight)}
        if not isinstance(table, Mapping) or set(table) != set(rows):
            raise AnswerError("the rows must be " + ", ".join(rows))
        for name, key in rows.items():
            mine = as_numbers(table[name]).flatten().tolist()
            if len(mine) != 2:
                raise AnswerError(f"{name} needs two numbers: mean, deviation")
            for column in ("test_accuracy", "held_out_accuracy", "best_accuracy"):
                values = torch.tensor([getattr(r, column) for r in records[key]]).double()
                right = [values.mean().item(), values.std().item()]
                if all(abs(a - b) <= 2e-3 for a, b in zip(mine, right, strict=True)):
                    if column == "test_accuracy":
                        break
                    return column
            else:
                raise AnswerError(f"the row {name} is not what your records give")
        return None

    return judge


def _judge_chosen(me: Variant) -> Judge:
    def judge(answer: Any) -> str | None:
        if not isinstance(answer, list | tuple) or len(answer) != 3:
            raise AnswerError("three things are needed: records, held_out, chosen")
        records, held_out, chosen = answer
        table = as_numbers(held_out)
        rows = [[r.held_out_accuracy for r in records["anl-ce", weight]] for weight in WEIGHTS]
        if table.shape != (len(WEIGHTS), len(SEEDS)):
            return "transposed" if table.T.shape == (len(WEIGHTS), len(SEEDS)) else "shape"
        if not torch.allclose(table, as_numbers(rows), atol=1e-4):
            test = [[r.test_accuracy for r in records["anl-ce", w]] for w in WEIGHTS]
            return "test" if torch.allclose(table, as_numbers(test), atol=1e-4) else "other"
        right = _choose(torch.tensor(WEIGHTS), table).item()
        return None if as_numbers(chosen).item() == right else "chosen"

    return judge


QUESTIONS = [
    Question(
        "3.1",
        "Write T, (K, K): your noise. Rows sum to 1, the diagonal is larger than all else in its "
        "row, the rate lies in your band, and T is not symmetric.",
        _judge_matrix,
        {
            "range": "probabilities lie between 0 and 1.",
            "rows": "each *row* must sum to 1: every image of class i gets some label.",
            "columns": "the columns sum to 1, the rows do not: T[i, j] takes true class i to label "
            "j, so you want the transpose.",
            "diagonal": "in some row another label is at least as likely as the true one: no loss "
            "could know which of them is meant.",
            "symmetric": "T equals its transpose, nearly: let some confusion go one way only.",
        },
        numbers=_told,
    ),
    Question(
        "3.3",
        "Write draw_labels(y, T, u): image n gets the first label j for which u[n] is below "
        "T[y, 0] + ... + T[y, j].",
        lambda me: judge_function(_draw, [_draws(1, 40), _draws(2, 25)], _DRAW_MISTAKES),
        {
            "column": "this reads columns of T; the row of the true class says what happens to it.",
            "over-rows": "the sums run down the columns; within a row, over the labels.",
            "likeliest": "this gives every image its class's likeliest label: no draw at all.",
            "one-late": "this is one class too far: with u below T[y, 0] the label is 0.",
            "turned": "this draws with 1 − u: start from label 0.",
        },
        numbers=first_values(lambda me: [_draws(1, 40)]),
    ),
    Question(
        "3.4",
        "Write excess(y, noisy, T): (K, K), by how many standard deviations each cell's count lies "
        "above what T promises; 0 where T[i, j] is 0 or 1, to within rounding.",
        lambda me: judge_function(_excess, [_counted(3, 60), _counted(4, 200)], _EXCESS_MISTAKES),
        {
            "turned": "the sign is turned: counted minus expected.",
            "swapped": "rows are true classes, columns the labels given.",
            "difference": "this is the difference itself; divide by sqrt(n_i T_ij (1 − T_ij)).",
            "shares": "these are differences of shares; compare counts.",
            "variance": "divide by the standard deviation, not by the variance.",
            "poisson": "sqrt(n_i T_ij) forgets (1 − T_ij): n_i images, each once.",
            "all": "n_i is the number of images of class i, not of all.",
        },
        numbers=first_values(lambda me: [_counted(3, 60)]),
    ),
    Question(
        "3.5",
        "Draw your labels with your T and your random numbers, and give their realised rate.",
        _judge_realised,
        {
            "other-labels": "these are not the labels that draw_labels gives with "
            "own_noise.uniforms(me).",
            "nominal": "that is the nominal rate, of T. Count the labels that are wrong.",
            "rate": "the rate is not the share of your labels that are wrong.",
        },
        numbers=lambda answer, me: number(answer[2], me),
    ),
    Question(
        "3.6",
        "Train every loss and weight of `plan` with every seed; keep the last records by (loss, "
        "weight).",
        _judge_records,
        {"same-seed": "two runs of one setting are the same: is the seed given to train?"},
    ),
    Question(
        "3.7",
        "Write mean_deviation(values): from (settings, seeds) each setting's mean and standard "
        "deviation over the seeds, with n − 1.",
        lambda me: judge_function(
            _mean_deviation, [(_TABLE,), (_SECOND[:2, :2],)], _SPREAD_MISTAKES
        ),
        {
            "population": "divide by n − 1: the mean is estimated from the same seeds.",
            "over-settings": "this averages over the settings; seeds are the columns.",
            "standard-error": "this is the mean's error; the deviation of the seeds is asked for.",
            "variance": "this is the variance; take its root.",
            "range": "this is the range; the standard deviation is asked for.",
            "median": "this is the median; the mean is asked for.",
            "swapped": "the mean comes first.",
        },
        numbers=first_values(lambda me: [(_TABLE,)]),
    ),
    Question(
        "3.8",
        "Write choose(weights, held_out): the smallest weight whose mean lies within one standard "
        "error, that of the best setting, of the best mean.",
        lambda me: judge_function(_choose, _CHOICES, _CHOICE_MISTAKES),
        {
            "best": "this takes the best mean; of what cannot be told from it, take the smallest "
            "weight.",
            "deviation": "a standard *error*: the deviation over the root of the number of seeds.",
            "own-error": "the error is that of the best setting, not each setting's own.",
            "luckiest": "this looks at the luckiest seed; compare means.",
            "largest": "of those that qualify, the smallest weight.",
            "place": "this is its place in the list; the weight itself is asked for.",
            "smallest": "this always takes the smallest; only what lies within the error.",
        },
        numbers=first_values(lambda me: _CHOICES),
    ),
    Question(
        "3.9",
        "Give held_out, (weights, seeds), from your records of ANL-CE, and the weight chosen.",
        _judge_chosen,
        {
            "transposed": "rows are weights, columns seeds.",
            "shape": "a row for each weight, a column for each seed.",
            "test": "these are accuracies on clean test images, which nobody has who chooses.",
            "other": "these are not the held-out accuracies of your records.",
            "chosen": "that is not what the rule chooses from this table.",
        },
        numbers=lambda answer, me: number(answer[2], me),
    ),
    Question(
        "3.10",
        "Give the table: for 'ce', 'anl-ce' and 'anl-ce + er' mean and deviation of the test "
        "accuracy.",
        _judge_table,
        {
            "held_out_accuracy": "that is the accuracy on held-out noisy labels; the report is of "
            "clean test images.",
            "best_accuracy": "that is the best epoch's, chosen by the test set; report the last.",
        },
    ),
    Question(
        "3.11",
        "Write paired(a, b): the mean of the differences a − b, seed by seed, and its standard "
        "error.",
        lambda me: judge_function(_paired, _PAIRS, _PAIRED_MISTAKES),
        {
            "turned": "this is b − a.",
            "unpaired": "this adds two variances, as if the seeds had nothing in common; take the "
            "differences first.",
            "deviation": "this is the deviation of the differences; divide by sqrt(n).",
            "population": "n − 1 in the deviation.",
            "absolute": "keep the sign of each difference.",
        },
        numbers=first_values(lambda me: _PAIRS),
    ),
]
