"""What can go wrong in a confined child: one root, one class for each way to fail, each with a stable code."""


class ChildFailed(Exception):
    """The confined child did not bring a result; look at the code, then at the file that it was given."""

    code = "child_failed"


class ChildCrashed(ChildFailed):
    """The confined child died or raised something unexpected; the file may be damaged."""

    code = "child_crashed"


class ChildTimedOut(ChildFailed):
    """The confined child used up its processor or wall time; the file may be a bomb, or the limit too low."""

    code = "child_timed_out"


class ChildOutOfMemory(ChildFailed):
    """The confined child needed more memory than it may have; the file may be a bomb, or the limit too low."""

    code = "child_out_of_memory"
