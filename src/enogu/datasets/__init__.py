"""Sets of pictures with their captions, and how they come in: files, zips, Kohya folders (product D1, D2)."""
