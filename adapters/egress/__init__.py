"""Every outbound call leaves through one door."""
