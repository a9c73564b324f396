"""Who and what is alike: similar articles, similar customers, clusters of interest."""
