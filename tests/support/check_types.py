"""How annotated shapes and types are checked in tests: what jaxtyping's import hook calls by name."""

import beartype

check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))  # an int is a float

# jaxtyping caches bytecode by the name of the checker, whatever modules it checks: each set of modules has its own
pure = whole = check
