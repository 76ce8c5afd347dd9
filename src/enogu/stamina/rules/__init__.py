"""Rules of stamina without database, clock or file: price, proposals, ledger. What they are given is all they know."""
