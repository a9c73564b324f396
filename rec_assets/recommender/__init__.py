"""The language model whose answers are SKUs: decoder layers of the base, rows and head of item vectors."""
