"""The process in which the engine runs for a worker: commands come in, events go out, one JSON object a line."""
