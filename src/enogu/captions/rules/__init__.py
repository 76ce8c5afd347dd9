"""What can be said about captions without a database: splitting, commands, filters, union, advice, token counts."""
