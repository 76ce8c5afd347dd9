"""How pictures come in: the names in a zip, bounded reading from zips and folders, captions and Kohya folders."""
