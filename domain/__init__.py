"""What is true: pure rules and values, with no clock, no I/O and no Temporal."""
