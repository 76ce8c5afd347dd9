"""Where rows and files are kept: one database and one store of files by content, each chosen by one URL."""
