"""Commands are sent, executed and looked at."""
