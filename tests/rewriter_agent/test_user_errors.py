"""Which errors are the user's, and how their messages read."""

import errno
import pkgutil

import pytest

from rewriter_agent.user_errors import CLASSES, MAX_MESSAGE, MAX_QUOTED, blaming, user_message


@pytest.mark.parametrize("name", CLASSES)
def test_the_classes_exist_under_their_names(name: str) -> None:
    module, _, class_ = name.rpartition(".")
    kind = pkgutil.resolve_name(f"{module}:{class_}")
    # Some cannot be made without the response that they are about.
    error = kind.__new__(kind)
    error.args = ("broken",)
    assert (user_message(error) or "").endswith(CLASSES[name])


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EMFILE])
def test_a_path_that_cannot_be_used_is_named(number: int) -> None:
    message = user_message(OSError(number, "no", "/data/x"))
    assert message is not None
    assert message.startswith("/data/x: no; ")
    assert user_message(OSError(number, "no")) is None


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), TypeError("x"), AttributeError("x"), OSError(errno.EBADF, "x", "y"), OSError("x")],
)
def test_a_fault_of_the_program_has_no_message(error: Exception) -> None:
    assert user_message(error) is None


def test_hostile_text_is_cut_and_escaped() -> None:
    message = user_message(ValueError("\x1b[31m" + "x" * 10_000_000))
    assert message is not None
    assert message.startswith("\\x1b[31mxxx")
    assert len(message) < 2 * MAX_MESSAGE
    with (
        pytest.raises(ValueError, match=r"^the file \(KeyError: 'xxx") as error,
        blaming("the file", "Mend it."),
    ):
        raise KeyError("x" * 10_000_000)
    assert len(str(error.value)) < 2 * MAX_QUOTED
    assert str(error.value).endswith("...). Mend it.")


def test_a_full_disk_is_nobody_elses_fault() -> None:
    with pytest.raises(OSError, match="full"), blaming("the file", "Mend it."):
        raise OSError(errno.ENOSPC, "full")
