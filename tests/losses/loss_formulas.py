"""Every loss as its paper writes it, for one sample, in 40-digit arithmetic: one entry a loss.

Written from the papers and not from the package; `tests/golden` holds what other people's code
makes of the same formulas.
"""

from functools import cached_property

import mpmath
from mpmath import mpf

mpmath.mp.dps = 40


class Sample:
    """Logits z with label y and settings s; the focal factor (1 - p)^gamma is taken at z0."""

    def __init__(self, z, y, s, z0):
        self.y = y
        self.p, self.p0 = _softmax(z), _softmax(z0)
        for key, value in s.items():
            setattr(self, key, mpf(value))

    @cached_property
    def ce(self):
        return [-mpmath.log(v) for v in self.p]

    @cached_property
    def fl(self):
        return [(1 - v) ** self.gamma * l for v, l in zip(self.p0, self.ce, strict=True)]

    @cached_property
    def ce_cut(self):
        return [-mpmath.log(max(v, self.p_min)) for v in self.p]

    @cached_property
    def fl_cut(self):
        factors = [(1 - max(v, self.p_min)) ** self.gamma for v in self.p0]
        return [f * l for f, l in zip(factors, self.ce_cut, strict=True)]

    @cached_property
    def ce_maximum(self):
        return -mpmath.log(self.p_min)

    @cached_property
    def fl_maximum(self):
        return (1 - self.p_min) ** self.gamma * self.ce_maximum

    def l1(self):
        return sum(abs((k == self.y) - v) for k, v in enumerate(self.p))

    def normalized(self, table):
        return table[self.y] / sum(table)

    def negative(self, table, A):
        return 1 - (A - table[self.y]) / sum(A - v for v in table)

    def both(self, active, other):
        return self.alpha * FORMULAS[active](self) + self.beta * FORMULAS[other](self)


def _softmax(z):
    e = [mpmath.exp(v) for v in z]
    return [v / sum(e) for v in e]


def _rce(x):
    # -sum_k p_k log e_k, where log 0 is read as log 1e-4
    return -sum(v * mpmath.log(mpf("1e-4")) for k, v in enumerate(x.p) if k != x.y)


def _amse(x):
    return sum((x.a * (k == x.y) - v) ** 2 for k, v in enumerate(x.p)) / len(x.p)


def _ece(x):
    # MAE here is ||e_y - p||_1 = 2 (1 - p_y), and p' is cut off at eps: both as the authors run it.
    top = max(range(len(x.p)), key=lambda k: x.p[k])
    raised = [(v + x.m * (k == top)) / (x.m + 1) for k, v in enumerate(x.p)]
    return -x.alpha * mpmath.log(max(raised[x.y], x.eps)) + x.beta * x.l1()


FORMULAS = {
    "ce": lambda x: x.ce[x.y],
    "fl": lambda x: x.fl[x.y],
    "mae": lambda x: x.l1() / 2,
    "rce": _rce,
    "gce": lambda x: (1 - x.p[x.y] ** x.q) / x.q,
    "sce": lambda x: x.both("ce", "rce"),
    "nce": lambda x: x.normalized(x.ce),
    "nfl": lambda x: x.normalized(x.fl),
    "nnce": lambda x: x.negative(x.ce_cut, x.ce_maximum),
    "nnfl": lambda x: x.negative(x.fl_cut, x.fl_maximum),
    "agce": lambda x: ((x.a + 1) ** x.q - (x.a + x.p[x.y]) ** x.q) / x.q,
    "aul": lambda x: ((x.a - x.p[x.y]) ** x.q - (x.a - 1) ** x.q) / x.q,
    "ael": lambda x: mpmath.exp(-x.p[x.y] / x.a),
    "amse": _amse,
    "ece": _ece,
    "nce+mae": lambda x: x.both("nce", "mae"),
    "nce+rce": lambda x: x.both("nce", "rce"),
    "nfl+mae": lambda x: x.both("nfl", "mae"),
    "nfl+rce": lambda x: x.both("nfl", "rce"),
    "nce+agce": lambda x: x.both("nce", "agce"),
    "nce+aul": lambda x: x.both("nce", "aul"),
    "nce+ael": lambda x: x.both("nce", "ael"),
    "anl-ce": lambda x: x.both("nce", "nnce"),
    "anl-fl": lambda x: x.both("nfl", "nnfl"),
    "jal-ce": lambda x: x.both("nce", "amse"),
    "jal-fl": lambda x: x.both("nfl", "amse"),
}


def value_of(name, z, y, s):
    return FORMULAS[name](Sample(z, y, s, z))


def gradient_of(name, z, y, s):
    """Central differences at 1e-12 in 40 digits, which leaves 16 of them."""
    h = mpf("1e-12")
    gradient = []
    for j in range(len(z)):
        up, down = ([v + d * (k == j) for k, v in enumerate(z)] for d in (h, -h))
        held = s.get("detach_focal", True)
        f = [FORMULAS[name](Sample(v, y, s, z if held else v)) for v in (up, down)]
        gradient.append(float((f[0] - f[1]) / (2 * h)))
    return gradient
