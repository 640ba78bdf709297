"""flagd's own ways to a flag set: the stream of its sync protocol, and a document for its HTTP source."""

import os

# Read once, as soon as gRPC is imported: otherwise it writes a line past our logs for each stranger at the port.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
