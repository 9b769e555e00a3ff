"""The sources over real sockets, against the simulated provider."""
