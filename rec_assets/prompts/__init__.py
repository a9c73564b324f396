"""What the model reads: attributes in words, then the history as SKU tokens."""
