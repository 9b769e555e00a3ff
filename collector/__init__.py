"""The daemon: from a manager's counters to a tenant's exact bytes.

Data flows one way: poll → normalise → account → store → export / serve. ``pipeline.py`` shows a whole poll cycle,
``app.py`` alone knows every concrete class, and ``core/`` holds the rules of the numbers as pure functions.
"""

__version__ = "0.1.0"
