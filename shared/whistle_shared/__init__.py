"""Mechanisms every service shares: few, deep modules with small doors. Services own facts; this package owns none."""
