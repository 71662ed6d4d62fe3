"""Classes that a user names: by their names, or by their numbers."""

from collections.abc import Sequence

from jaxgan.system.errors import UserError

SHOWN = 20  # names in a message


def class_numbers(argument: str, chosen: str, count: int, names: Sequence[str] = ()) -> list[int]:
    """Return the numbers of the classes that a text names.

    Args:
        argument: the argument that the text was given for.
        chosen: names or numbers with commas between; a number stands for itself unless a class has a number
            as its name.
        count: the number of classes.
        names: the name of each class, if the classes have names.

    Raises:
        UserError: if there is no such class, with those that there are.
    """
    numbers = []
    for name in (part.strip() for part in chosen.split(",")):
        if name in names:  # a class may be called 7 and be number 8
            numbers.append(names.index(name))
        elif name.isdecimal() and int(name) < count and not (set(names) & set(map(str, range(count)))):
            numbers.append(int(name))
        else:
            known = ", ".join(names[:SHOWN]) if names else f"0 to {count - 1}"
            raise UserError(f"`{argument}` {name} is unknown: there are {known}")
    return numbers
