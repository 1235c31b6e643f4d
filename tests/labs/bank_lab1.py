"""Lab 1: submissions that are wrong in part, each with a mistake that students make."""

from __future__ import annotations

from submissions import Submission

ALL_TESTS = tuple(f"test-1-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13))


def none(*numbers: int) -> dict[str, float]:
    """No points for these questions."""
    return {f"test-1-{n}": 0.0 for n in numbers}


def function(head: str, *lines: str) -> str:
    """A function of these lines."""
    return "\n    ".join([f"def {head}:", *lines])


TABLE, SHARE = "table_of_ce(logits)", "label_share(table, y)"
FLIP, NEGATIVE = "flipped_sum(table, y, A)", "negative_share(table, y, A)"
ANL, SLOPE = "my_anl(logits, y, alpha, beta, p_min)", "slope_by_hand(p, y, A)"
PICK = "picked = table.gather(1, y.unsqueeze(1)).squeeze(1)"
PARTS = (
    "M, at = A + p.log(), y.unsqueeze(1)",
    "p_y, M_y, T = p.gather(1, at).squeeze(1), M.gather(1, at).squeeze(1), M.sum(1)",
)

BANK: list[Submission] = [
    Submission(
        "log-of-a-softmax",  # infinite where a probability is 0
        {"answer-1-1": function(TABLE, "return -torch.softmax(logits, 1).log()")},
        none(1, 5),
    ),
    Submission(
        "softmax-over-the-samples",
        {"answer-1-1": function(TABLE, "return -logits.log_softmax(0)")},
        none(1, 5, 6),
    ),
    Submission(
        "share-of-the-others",
        {"answer-1-2": function(SHARE, PICK, "return picked / (table.sum(1) - picked)")},
        none(2, 4, 5, 6),
    ),
    Submission(
        "no-pixels",  # right for images, wrong for what has more dimensions
        {"answer-1-2": function(SHARE, "return table[range(len(y)), y] / table.sum(1)")},
        none(2, 4, 5),
    ),
    Submission(
        "label-not-left-out",
        {
            "answer-1-3": function(FLIP, "return (A - table).sum(1)"),
            "answer-1-8": "low = slope_by_hand(*even(0.5, me.K), me.A)\n"
            "high = slope_by_hand(*even(0.99, me.K), me.A)\n"
            "slope_ratio = (low / high).item()",  # upside down
        },
        none(3, 8),
    ),
    Submission(
        "one-A-for-all",
        {
            "answer-1-3": function(FLIP, PICK, "return A - (table.sum(1) - picked)"),
            "answer-1-10": "sums = (1, me.K, 5 + 2 * me.K)",
        },
        none(3, 10),
    ),
    Submission(
        "sum-over-the-others",
        {
            "answer-1-4": function(
                NEGATIVE, PICK, "return 1 - (A - picked) / flipped_sum(table, y, A)"
            )
        },
        none(4, 5, 6),
    ),
    Submission(
        "nothing-clamped",
        {
            "answer-1-5": function(
                ANL,
                "table = table_of_ce(logits)",
                "A = -math.log(p_min)",
                "return alpha * label_share(table, y) + beta * negative_share(table, y, A)",
            ),
            "answer-1-12": "largest_rate = 1 / me.K",
        },
        none(5, 12),
    ),
    Submission(
        "both-clamped-and-swapped",
        {
            "answer-1-5": function(
                ANL,
                "A = -math.log(p_min)",
                "table = table_of_ce(logits).clamp(max=A)",
                "return beta * label_share(table, y) + alpha * negative_share(table, y, A)",
            )
        },
        none(5, 6),
    ),
    Submission(
        "no-gradient-left",
        {
            "answer-1-5": function(
                ANL,
                "table, A = table_of_ce(logits).detach(), -math.log(p_min)",
                "negative = negative_share(table.clamp(max=A), y, A)",
                "return alpha * label_share(table, y) + beta * negative",
            )
        },
        none(5),
    ),
    Submission(
        "T-held-constant-in-single-precision",
        {
            "answer-1-1": function(TABLE, "return -logits.float().log_softmax(1)"),
            "answer-1-7": function(SLOPE, *PARTS, "return (p_y - 1) / T"),
        },
        none(1, 7, 8),
    ),
    Submission(
        "sign-of-the-slope",  # whose ratio is right
        {
            "answer-1-7": function(
                SLOPE, *PARTS, "return -((p_y - 1) * T - M_y * (p.shape[1] * p_y - 1)) / T**2"
            ),
            "answer-1-13": "noisy_risk = (1 - me.rate) * 0.5",
        },
        none(7, 13),
    ),
    Submission(
        "numbers-of-a-neighbour",
        {
            "answer-1-6": "she = labs.variant(1, 'ada')\n"
            "mean_anl = my_anl(*linear_scores(she), 5, 2, she.p_min).mean()",
            "answer-1-10": "sums = (1, she.K - 1, 5 + 2 * (she.K - 1))",
            "answer-1-13": "C = she.K - 1\n"
            "noisy_risk = (1 - she.rate) * 0.5 + she.rate / C * (C - 0.5)",
        },
        none(6, 10, 13),
    ),
    Submission(
        "right-in-another-way",  # by loops and one-hot labels, with a warning on the way
        {
            "answer-1-1": function("weights(rows)", "return rows.exp()")
            + "\n\n"  # helpers that are called as a test might call its own things
            + function("table(z)", "return z - weights(z - z.amax(1, True)).sum(1, True).log()")
            + "\n\n"
            + function(TABLE, "return logits.amax(1, True) - table(logits)"),
            "answer-1-2": function(
                SHARE,
                'import warnings; warnings.warn("a warning costs no points")',
                "one_hot = torch.zeros_like(table).scatter(1, y.unsqueeze(1), 1.0)",
                "return (one_hot * table).sum(1) / table.sum(1)",
            ),
            "answer-1-3": function(
                FLIP,
                "total = 0",
                "for k in range(table.shape[1]):",
                "    total = total + torch.where(y == k, 0.0, A - table[:, k])",
                "return total",
            ),
            "answer-1-8": "slope_ratio = slope_by_hand(*even(0.99, me.K), me.A) / slope_by_hand("
            "*even(0.5, me.K), me.A)",  # of shape (1,)
            "answer-1-10": "sums = [1.0, float(me.K - 1), torch.tensor(5 + 2 * (me.K - 1))]",
        },
    ),
]
