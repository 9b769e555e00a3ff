"""What the daemon shows of itself: totals, health, metrics, logs. It decides nothing."""
