"""Notices: a new task, a warning, each rung, told to the person by their own channels.

A notice is written in the transaction of what it tells of, as an event is; a duty takes it from there (`sending`),
tries the person's channels in their order, then those of their duty desk, and keeps a proof of every attempt.
INVARIANT: a person is told of one thing at most once: the notice's key is the thing and the person, an attempt is on
record before anything is sent, and one whose outcome nobody knows is not made again by a channel that would show it
twice.
"""
