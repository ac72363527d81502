"""How a transfer ended: reply and fate of the file, as tables."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest

from ftpsd.data.outcomes import (
    CloseStyle,
    End,
    Outcome,
    accepts_plain_fin,
    classify,
    keeps_partial,
    reply_for,
)
from ftpsd.settings.transfer import UploadEnd


@pytest.mark.parametrize(("policy", "earlier", "accepted"), [
    ("strict", ["fin"], False),
    ("strict", [], False),
    ("observed", [], False),
    ("observed", ["fin"], True),
    ("observed", ["fin", "fin"], True),
    ("observed", ["notify"], False),
    ("observed", ["fin", "notify"], False),
    ("lenient", [], True),
    ("lenient", ["notify"], True),
])
def test_a_plain_fin_ends_an_upload_only_for_clients_known_to_do_so(
    policy: UploadEnd, earlier: Sequence[CloseStyle], accepted: bool
) -> None:
    assert accepts_plain_fin(policy, earlier) is accepted


@pytest.mark.parametrize(("stop", "receiving", "fin", "end"), [
    ("done", True, False, End.COMPLETE),
    ("done", False, False, End.COMPLETE),
    ("eof", True, False, End.TRUNCATED),
    ("eof", True, True, End.COMPLETE),
    ("eof", False, True, End.TRUNCATED),
    ("reset", True, True, End.RESET),
    ("stalled", True, True, End.STALLED),
    ("aborted", False, False, End.ABORTED),
    ("tls", True, True, End.TLS_ERROR),
    ("file", True, True, End.FILE_ERROR),
])
def test_the_pumps_last_word_has_one_meaning(stop: str, receiving: bool, fin: bool, end: End) -> None:
    assert classify(stop, receiving=receiving, fin_accepted=fin) is end


def test_a_word_that_the_pump_does_not_know_is_a_defect() -> None:
    with pytest.raises(KeyError):
        classify("control", receiving=True, fin_accepted=True)


@pytest.mark.parametrize("end", list(End))
def test_only_a_complete_transfer_is_226(end: End) -> None:
    code, text = reply_for(Outcome(end, errno=errno.EIO))
    assert (code == 226) is (end is End.COMPLETE)
    assert text


@pytest.mark.parametrize(("number", "code"), [
    (errno.ENOSPC, 452), (errno.EDQUOT, 552), (errno.EFBIG, 552), (errno.EIO, 451), (errno.EACCES, 451),
])
def test_a_file_system_that_says_no_has_its_own_code(number: int, code: int) -> None:
    assert reply_for(Outcome(End.FILE_ERROR, errno=number))[0] == code


@pytest.mark.parametrize(("end", "hidden", "delete", "kept"), [
    (End.COMPLETE, True, True, True),
    (End.RESET, False, None, True),
    (End.RESET, False, True, False),
    (End.RESET, False, False, True),
    (End.RESET, True, None, False),
    (End.RESET, True, True, False),
    (End.RESET, True, False, True),
    (End.ABORTED, False, True, False),
])
def test_delete_aborted_stores_decides_about_the_partial_file(
    end: End, hidden: bool, delete: bool | None, kept: bool
) -> None:
    assert keeps_partial(Outcome(end), hidden=hidden, delete_aborted=delete) is kept
