"""People are told by mail and by signed webhook."""
