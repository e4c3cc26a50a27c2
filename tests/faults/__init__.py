"""The fault tests: real workers, brokers and databases under a seeded schedule of faults, then both sides row by row.

``python -m tests.faults --seed 17`` runs one schedule, ``--seeds 0-199 --jobs 3`` many; ``--help`` tells the rest. To
find the way: :mod:`.schedule` (what will happen), :mod:`.run` (makes it happen), :mod:`.writers` and :mod:`.vendor`
(the two sides, with a journal of each), :mod:`.outsiders` (notifications and jobs), :mod:`.verify` (what must be true
at the end), :mod:`.report` (the table).
"""
