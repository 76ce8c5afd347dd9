"""Uploads that go on where they were cut off, until another slice takes what came in."""
