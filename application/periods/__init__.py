"""What an entity's periods allow: the books that they are of, the gates of their scopes, and who may pass them."""
