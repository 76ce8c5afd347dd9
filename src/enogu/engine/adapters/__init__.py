"""Adapters: one file a kind, the same functions in each (``attach``, ``parameters``, ``to_file``, ``from_file``)."""
