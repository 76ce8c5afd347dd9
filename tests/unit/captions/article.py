"""The reference set of the article: trigger ``zdm``, seven pictures, nine costume and hair tags to delete.

The article's own words are not known to us; these are captions as a tagger writes them for such a character.
"""

from __future__ import annotations

TRIGGER = "zdm"
NINE_TAGS = (
    "black hair", "short hair", "ahoge", "hat", "black gloves", "red scarf", "white shirt", "brown vest", "boots",
)  # fmt: skip
CAPTIONS = (
    "zdm, 1boy, solo, black hair, short hair, ahoge, hat, black gloves, red scarf, white shirt, brown vest, boots, "
    "smile, standing, full body, looking at viewer, white background",
    "zdm, 1boy, solo, black hair, short hair, ahoge, hat, black gloves, red scarf, white shirt, brown vest, "
    "open mouth, upper body, outdoors, sky",
    "zdm, 1boy, solo, black hair, short hair, ahoge, hat, red scarf, white shirt, brown vest, boots, sitting, "
    "closed eyes, indoors, chair",
    "zdm, 1boy, solo, black hair, short hair, hat, black gloves, red scarf, white shirt, brown vest, boots, running, "
    "from side, grass",
    "zdm, 1boy, solo, black hair, short hair, ahoge, hat, black gloves, red scarf, white shirt, brown vest, boots, "
    "smile, holding sword, full body, night, holding",
    "zdm, 1boy, solo, black hair, short hair, ahoge, black gloves, red scarf, white shirt, brown vest, portrait, "
    "looking at viewer, simple background, white background",
    "zdm, 1boy, solo, black hair, short hair, ahoge, hat, black gloves, red scarf, white shirt, brown vest, boots, "
    "arms up, jumping, smile, full body, white background",
)
