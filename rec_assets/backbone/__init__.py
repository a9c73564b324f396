"""Base models: fetched, converted, cut, gated, quantised, trimmed. Knows no customers."""
