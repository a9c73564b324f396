"""The models by name, known without importing any of them."""

RULES = ("popular", "item_knn", "ease")  # no random numbers: one seed tells all
TRAINED = ("bsarec",)
PEERS = ("rectools_sasrec", "rectools_esasrec", "rectools_bert4rec", "rectools_hstu")
ALL = (*RULES, *TRAINED, *PEERS)
