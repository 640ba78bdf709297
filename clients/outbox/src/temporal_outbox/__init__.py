"""A row and a Temporal workflow, or neither: what is added in a transaction is passed on once that has committed.

Whoever adds imports `messages` and `table`, which load no Temporal; whoever relays, `delivery`. `relay` is the loop
alone, for what is leased from somewhere else.
"""
