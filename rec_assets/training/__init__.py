"""The fine-tune: TRL's trainer over the trimmed SKU decoder."""
