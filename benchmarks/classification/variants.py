"""What the speed mode compares, by name."""

VARIANTS = ("trimmed", "untrimmed", "untrimmed_last_position", "sequence_classification")
