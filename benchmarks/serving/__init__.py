"""Speed and memory of the embedded server, beside the bare graph."""
