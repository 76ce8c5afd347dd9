"""Trainings: started from a recipe, queued, followed live, kept for ever (B6 to B9, G, H1)."""
