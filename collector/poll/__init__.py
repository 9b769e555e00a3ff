"""When to ask for what: cycles over the metering points of a source, and the way of the answers to the meter.

A cycle is one job of the scheduler; its points go out in ticks, each at a stable offset, so that calls spread evenly
over the interval. A point has one poll in flight at most, and one slow or broken object never delays the others.
"""
