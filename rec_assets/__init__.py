"""Couturier's library: stages that turn purchases into a language model that recommends."""
