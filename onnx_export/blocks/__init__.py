"""The kinds of block that decoders are made of, one a file; each adds its own nodes to the graph."""
