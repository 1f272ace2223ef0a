"""Check that a library is the version whose private parts we use."""


def check_version(library: str, installed: str, supported: str) -> None:
    """Compare the series of two versions, such as 0.32 of 0.32.1; private parts change between series without notice.

    Raises:
        ImportError: another series is installed.
    """
    if installed.split(".")[:2] != supported.split("."):
        raise ImportError(
            f"{library} {installed} is installed, and rewriter-agent uses private parts of {library} {supported}: "
            f"install {library} {supported} as pinned in requirements/, or adapt the module compat/ for it."
        )
