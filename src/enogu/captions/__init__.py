"""Editing captions: one picture's tags, the union of all, undo, autocomplete, advice (E1 to E8)."""
