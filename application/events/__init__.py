"""What was committed is told: to this process, to whoever watches, and to signed webhooks."""
