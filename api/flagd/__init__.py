"""flagd's own ways to a flag set: the stream of its sync protocol, and a document for its HTTP source."""
