"""The real servers run as child processes."""
