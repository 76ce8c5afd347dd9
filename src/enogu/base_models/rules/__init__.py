"""What is decided without a database: what a folder or file is, which one a word means, what fits what."""
