"""Private parts of other libraries that this package needs, one module a library, with the version they belong to."""
