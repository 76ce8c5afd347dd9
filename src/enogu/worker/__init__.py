"""Takes jobs, runs the engine in a child process, and stores what it says; never imports torch itself."""
