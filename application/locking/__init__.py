"""Who writes what, and when: locks on targets and the queue before them, freezes, windows, and policies of rollouts."""
