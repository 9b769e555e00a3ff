"""The settings: what an operator writes, checked at once and as a whole.

Owns the shape of the YAML file, its units, its secrets and the words of every fault. Refuses a file with any fault, and
names all of them together. Invariants: no secret is in a fault, a warning, a ``repr`` or a dump; no value of an
environment variable is in a fault or a warning; what is loaded never changes; nothing here opens a socket.

``loader.load`` reads a file, ``settings.Settings`` is what comes out, ``schema.json_schema`` and
``reference.settings_reference`` describe it to editors and to people.
"""
