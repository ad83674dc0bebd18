"""What a person is told when the cluster cannot do what was asked."""


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message is one sentence for the person at the keyboard."""


class Unanswered(ClusterError):
    """Nobody answers at this moment; asking again may help."""
