"""The graded assignments: a variant for each student, checks for them, and what hidden tests share.

    from anl_edu import labs

    me = labs.variant(1, STUDENT)
    labs.check("1.1", ce_table, me)

The notebooks lie in notebooks/labs/; docs/instructors.md says how they are handed out and graded.
"""

from anl_edu.labs.checks import check
from anl_edu.labs.variants import Variant, variant

__all__ = ["Variant", "check", "variant"]
