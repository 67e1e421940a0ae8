"""Plays the main job on a real stack: streets blow, departments report in or stay silent, rungs are climbed.

Owns: a script of whistles, a cast that acts it through the public APIs only, and a count of what happened, taken from
outside. Publishes and consumes no event and imports no service. What the count expects is read from the district pack
by this package itself (`oracle`), never asked of the services under test.
"""
