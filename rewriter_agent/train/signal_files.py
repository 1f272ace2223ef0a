"""Files by which the learner's process and the driver tell each other what happened, in the stage's folder."""

EVENTS = "events.log"
"""Lines about the engines that the driver prints."""
LOST = "engines-lost.txt"
"""Written by a learner whose engines are gone, with the cause."""
