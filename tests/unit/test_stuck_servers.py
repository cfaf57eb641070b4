"""When a model server counts as stuck, on a clock of the test's own."""

from jinsu.deployers.stuck_servers import SILENT_SECONDS, START_SECONDS, Silence


def test_a_server_that_answered_may_be_silent_for_a_while_and_no_longer() -> None:
    silence = Silence()
    assert not silence.note("a", 1, True, 100.0)
    assert not silence.note("a", 1, False, 100.0 + SILENT_SECONDS)
    assert silence.note("a", 1, False, 100.1 + SILENT_SECONDS)


def test_a_server_that_starts_has_more_time() -> None:
    silence = Silence()
    assert not silence.note("a", 1, False, 100.0)
    assert not silence.note("a", 1, False, 100.0 + START_SECONDS)
    assert silence.note("a", 1, False, 100.1 + START_SECONDS)


def test_an_answer_forgives_the_silence_before() -> None:
    silence = Silence()
    for now in (100.0, 109.0, 118.0):
        assert not silence.note("a", 1, True, now)
        assert not silence.note("a", 1, False, now + 8)


def test_another_process_begins_anew() -> None:
    silence = Silence()
    silence.note("a", 1, True, 100.0)
    assert not silence.note("a", 2, False, 200.0)
    silence.forget_all_but({})
    assert not silence.note("a", 2, False, 1000.0)
