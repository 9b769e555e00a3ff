"""Random timelines against the oracle and against the truth of a made-up world."""
