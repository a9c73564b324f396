"""Text classifiers cut out of the language model's decoder."""
