"""Runtime: threads, memory, compiled loops and worker processes, for all that computes."""
