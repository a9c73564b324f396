"""Checks raw tables against one list of rules: bad rows go to quarantine, good rows all go on."""
