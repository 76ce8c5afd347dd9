"""Accounts: who is asking, and how they prove it (A1); export and deletion of everything one owns (J3)."""
