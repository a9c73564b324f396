"""The models by name, known without importing any of them."""

RULES = ("popular", "item_knn", "ease", "bought_next")  # no random numbers: one seed tells all
TRAINED = ("bsarec",)
PEERS = ("rectools_sasrec", "rectools_esasrec", "rectools_bert4rec", "rectools_hstu")
COUTURIER = ("couturier", "couturier_scratch")
ALL = (*RULES, *TRAINED, *PEERS, *COUTURIER)
CUTOFFS = ("2020-05-27", "2020-06-24", "2020-07-22", "2020-08-26")  # of H&M: first days of the test windows
