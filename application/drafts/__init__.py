"""A draft of a change, from what was asked for to what can be submitted."""
