"""The server: one process that answers the browser and scripts, and never imports torch."""
