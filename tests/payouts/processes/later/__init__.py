"""The migrations of `payouts`, and after them made-up ones as updates will bring them: columns that
old code does not know, data filled in while the desk works, indexes, and a rule for old rows.
"""

from payouts import migrations

[REAL] = migrations.__path__
__path__ = [REAL, *__path__]
