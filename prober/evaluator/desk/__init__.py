"""The desk: what owners and pipelines ask and note, over HTTP and from the command line."""
