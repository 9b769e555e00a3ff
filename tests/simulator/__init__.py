"""The simulated provider itself: its counters, its API, its limits, its faults, its truth."""
