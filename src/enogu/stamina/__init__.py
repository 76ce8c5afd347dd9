"""Stamina: what a run costs, who has how much of it, and the ledger of every charge and refund (A3 to A6)."""
