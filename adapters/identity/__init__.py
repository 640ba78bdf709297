"""A person is who a signed token says, and may do what the database says."""
