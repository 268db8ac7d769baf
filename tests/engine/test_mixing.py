"""The text at hand and the network speak together."""

import numpy as np
from numpy.typing import NDArray

from devstral_ls.engine.match_model import SEPARATOR, MatchIndex
from devstral_ls.engine.mixing import Ladder, Mixer, Mixing

VOCAB = 6
END = 5
UNSURE = np.zeros(VOCAB, np.float32)


def chances(text: list[int], context: list[int], ladder: Ladder, logits: NDArray[np.float32] = UNSURE) -> list[float]:
    """The chances of each token behind the context."""
    is_text = np.array([True] * END + [False])
    mixer = Mixer(Mixing(ladder, [], is_text, [END]), [MatchIndex(np.array(text, np.int64))])
    found = mixer.mixed(logits, np.array(context, np.int64))
    mixed = logits if found is None else found
    spread = np.exp(mixed - mixed.max())
    return [round(float(chance), 3) for chance in spread / spread.sum()]


def test_what_followed_before_is_likelier() -> None:
    """Half the weight goes to the token that stood behind this one, except the chance that all ends here."""
    assert [0.083, 0.083, 0.083, 0.5, 0.083, 0.167] == chances([2, 3, 4], [1, 2], [(1, 0.5)])


def test_several_places_share_the_weight() -> None:
    """Each place has one vote."""
    assert [0.083, 0.083, 0.083, 0.361, 0.222, 0.167] == chances([2, 3, 2, 3, 2, 4], [2], [(1, 0.5)])


def test_longer_match_overrules_a_shorter_one() -> None:
    """The longest match speaks last."""
    found = chances([1, 2, 3, 0, 2, 4], [1, 2], [(1, 0.5), (2, 0.9)])
    assert 3 == int(np.argmax(found))


def test_unmatched_context_leaves_the_network_alone() -> None:
    """Where nothing like it stood before, there is nothing to mix."""
    mixer = Mixer(Mixing([(1, 0.5)], [], np.ones(VOCAB, np.bool_), [END]), [MatchIndex(np.array([1, 2]))])
    assert mixer.mixed(UNSURE, np.array([4])) is None


def test_other_texts_vote_too() -> None:
    """What stands in another text counts as what stands in this one."""
    texts = [MatchIndex(np.array(text, np.int64)) for text in ([2, 3, 0], [2, 4, 0])]
    mixed = Mixer(Mixing([(1, 0.5)], [], np.ones(VOCAB, np.bool_), [END]), texts).mixed(UNSURE, np.array([2]))
    assert mixed[3] == mixed[4] > mixed[0]


def test_chance_to_end_is_the_networks() -> None:
    """Known texts say nothing about where a completion should end."""
    sure = np.array([0, 0, 0, 0, 0, 9], np.float32)
    assert chances([2, 3], [2], [], sure)[END] == chances([2, 3], [2], [(1, 0.9)], sure)[END]


def test_markers_and_borders_are_not_foretold() -> None:
    """What separates texts is no text."""
    assert [0.167] * VOCAB == chances([2, SEPARATOR, 2, END], [2], [(1, 0.5)])


def test_the_file_overrules_the_project() -> None:
    """What the project says counts where the file is silent, and less than the file where it is not."""
    mixing = Mixing([(1, 0.5)], [(1, 0.5)], np.ones(VOCAB, np.bool_), [END])
    own, project = (MatchIndex(np.array(text, np.int64)) for text in ([2, 3, 0], [2, 4, 0, 1, 4, 0]))
    in_both = Mixer(mixing, [own], project).mixed(UNSURE, np.array([2]))
    in_the_project = Mixer(mixing, [own], project).mixed(UNSURE, np.array([1]))
    assert in_both[3] > in_both[4] > in_both[0]
    assert in_the_project[4] > in_the_project[3]
