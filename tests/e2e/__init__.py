"""The whole daemon as a process of its own, against the simulated provider and real servers."""
