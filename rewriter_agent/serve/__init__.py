"""The rewriting service: a trained rewriter behind HTTP, with the engines and the gate of the stage `rewrite`."""
