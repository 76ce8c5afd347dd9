"""How rows and files reach a browser: files with ranges, zips while they are made, events that resume."""
