"""What every exporter over the outbox does, whatever its destination answers."""
