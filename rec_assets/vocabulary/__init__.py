"""One token per SKU: the append-only registry, token rows, and the vectors the tokens stand for."""
