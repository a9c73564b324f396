"""The one vocabulary of column names, shared by every table of the project.

Canonical tables::

    transactions(customer_id, sku, timestamp, price, channel)
    customers(customer_id, age, country, gender, ...attributes)
    articles(sku, title, description, category, colour, department, introduced, available, ...attributes)
"""

# Canonical tables
CUSTOMER = "customer_id"
SKU = "sku"
TIMESTAMP = "timestamp"
PRICE = "price"
CHANNEL = "channel"

TITLE = "title"
DESCRIPTION = "description"
CATEGORY = "category"
COLOUR = "colour"
DEPARTMENT = "department"
INTRODUCED = "introduced"  # date the article entered the catalogue; missing when the retailer does not say
AVAILABLE = "available"  # False once the article is out of stock or retired

AGE = "age"
COUNTRY = "country"
GENDER = "gender"

TRANSACTIONS_REQUIRED = (CUSTOMER, SKU, TIMESTAMP)
TRANSACTIONS_OPTIONAL = (PRICE, CHANNEL)
CUSTOMERS_REQUIRED = (CUSTOMER,)
ARTICLES_REQUIRED = (SKU, TITLE)
ARTICLES_OPTIONAL = (DESCRIPTION, CATEGORY, COLOUR, DEPARTMENT, INTRODUCED, AVAILABLE)

# Quarantine: the row as it came, as text, and why it was set aside
TABLE = "table"
EXPECTATION = "expectation"
REASON = "reason"
ROW = "row"

# Splits and events (features/events.parquet)
SPLIT = "split"  # train | validation | test
POSITION = "position"  # 0-based place in the customer's history, oldest first
GAP_DAYS = "gap_days"  # days since the customer's previous purchase; missing for the first
SEASON = "season"  # winter | spring | summer | autumn | unknown
PRICE_TIER = "price_tier"  # budget | middle | premium | unknown

# Article features (features/articles.parquet)
FIRST_SEEN = "first_seen"  # first purchase before as_of
PURCHASES = "purchases"  # purchases before as_of
TRAIN_PURCHASES = "train_purchases"  # purchases before the validation window

# Customer features (features/customers.parquet)
AGE_BAND = "age_band"
PURCHASING_POWER = "purchasing_power"  # low | medium | high | unknown
SEGMENT = "segment"

# Item texts (features/item_texts.parquet)
TEXT = "text"

# Prompt rows (prompts/{train,validation,test,latest}.parquet)
HEADER = "header"  # attribute text before the history
MOMENTS = "moments"  # list[str]: moment of history SKU i, "" where unchanged; said one SKU early
HISTORY = "history"  # list[str]: SKUs, oldest first
LOSS_FROM = "loss_from"  # index of the first history SKU that bears loss (train rows)
CLOSING = "closing"  # moment of the SKU to predict; said before the last SKU of the history
ANSWERS = "answers"  # list[str | None]: what each history SKU's place has to answer (mixed train rows)
KIND = "kind"  # share of prompts.targets that a train row belongs to (mixed train rows)
TARGETS = "targets"  # list[str]: the holdout basket (validation and test rows)

# SKU registry (vocabulary/registry.parquet)
SKU_INDEX = "sku_index"  # 0-based, append-only; token id = base vocabulary size + sku_index
TOKEN = "token"
LISTED = "listed"  # in the newest catalogue, sold out or not: what a holdout is judged over
RETIRED = "retired"  # sold out, or left the catalogue: what nobody is recommended today

# Ranked lists
MODEL = "model"
RANK = "rank"  # 1 is best
SCORE = "score"
MASKED = "masked"  # True when articles the customer already bought were taken out

UNKNOWN = "unknown"
