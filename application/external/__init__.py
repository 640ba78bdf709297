"""Systems outside are asked for a vote on the levels that name them, and answer."""
