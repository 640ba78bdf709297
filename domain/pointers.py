"""JSON Pointers (RFC 6901) say where in an input a fault stands."""


def escaped(token: str) -> str:
    """A member name as one token of a pointer (section 3)."""
    return token.replace("~", "~0").replace("/", "~1")
