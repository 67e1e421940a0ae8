"""First figures: what the whole journey costs beside a bare endpoint and beside a Celery pipeline, in one run.

Owns `.local/bench/` (the private stack and `first.json`). Run by `make bench`, or `PYTHONPATH=tests python -m bench`.
INVARIANT: all sides use the same broker and the same database with fsync, synchronous_commit and confirms on, get the
same requests from the same client, and take turns, so that a noisy minute hits all of them alike.
"""
