"""Durable jobs: enqueued with the row they are for, taken by one worker, taken over when that worker dies."""
