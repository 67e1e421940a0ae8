"""What the tests stand on: a private broker and database, the five services in one loop, and people who act.

Owns no rule of the product: an expectation is read from the public APIs, from the broker, or from a table's rows.
"""
