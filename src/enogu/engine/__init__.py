"""How a LoRA is trained and drawn with: torch only, no user, no database, no HTTP, no settings.

Start reading at ``loop.py``.
"""
