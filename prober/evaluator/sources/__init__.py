"""Where counts come from: a journal, or a PromQL backend."""
