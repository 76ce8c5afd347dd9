"""Stable Diffusion 1.5 and everything of its architecture, the small starter included."""
