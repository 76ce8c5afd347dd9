"""SDXL and everything of its architecture: Pony, Illustrious, NoobAI and the rest."""
