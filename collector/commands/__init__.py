"""The commands, one module each: they print, and return an exit code; ``cli.py`` reads their arguments."""
