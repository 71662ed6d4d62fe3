"""How annotated shapes and types are checked in tests: what jaxtyping's import hook calls by name."""

import beartype

check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))  # an int is a float
