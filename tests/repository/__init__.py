"""The checkout itself: what is tracked, locked, built and linked."""
