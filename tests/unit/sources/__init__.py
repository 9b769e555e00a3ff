"""Tests of the sources, one component at a time, against fakes."""
