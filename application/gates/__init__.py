"""What surrounds the judging of a gate: reading for it, asking beforehand whether it can see, and judging again."""
