"""The list of packages: what lies in anl_edu/, and the recorded runs, packed beside it.

All else is in pyproject.toml. The recorded runs live in data/, where readers look for them; code
that replays them finds the packed copy as ``anl_edu.recorded``.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["anl_edu*"]), "anl_edu.recorded"],
    package_dir={"anl_edu.recorded": "data/runs"},
)
