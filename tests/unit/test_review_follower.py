"""Answers to a review are carried to Airflow, an alias that nobody gave goes, and reviewers are reminded."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.support.stage_bench import StageBench

from jinsu.clients.dag_ids import dag_of
from jinsu.controller.reviews import ReviewFollower
from jinsu.errors import ConflictError, TransientError
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.registry.mlflow import CHALLENGER
from jinsu.runs.reviews import Said
from jinsu.runs.stages import StageName
from jinsu.state.states import Door, ReviewState, Verdict
from jinsu.state.tables import Review

BenchAfter = Callable[..., StageBench]
YES = Said("bob", Verdict.APPROVE, Door.CLI, "because")
DAY = 86400.0


@pytest.fixture
def asking(bench_after: BenchAfter) -> StageBench:
    """Version 1 waits for a reviewer, in Airflow too."""
    return ask(bench_after(StageName.REGISTER))


def ask(bench: StageBench) -> StageBench:
    bench.build(ReviewStage).ask(bench.run)
    bench.installation.airflow.trigger(bench.run, {}, team="default", user="ann")
    bench.airflow.ask(bench.run, StageName.REVIEW)
    return bench


def follow(bench: StageBench) -> bool:
    """One pass."""
    return bool(bench.build(ReviewFollower).run())


def in_airflow(bench: StageBench) -> tuple[list[str], str, str]:
    """What Airflow was answered, why, and by whom."""
    question = bench.airflow.runs[bench.run].questions[StageName.REVIEW]
    return question.chosen, question.reason, question.answered_by


def another_question(bench: StageBench, name: str) -> str:
    """A run of another model whose question is open too; its version is in no MLflow."""
    run = bench.another_run(None, key=name, name=name)
    with bench.records.begin() as session:
        common = {"needed": 1, "self_approval": False, "due": time.time() + DAY, "reason": "", "asked": 0.0}
        session.add(Review(submission=run, model=name, version="1", state=ReviewState.OPEN, **common))
    return run


# --- Answers ---


def test_without_an_answer_nothing_happens(asking: StageBench) -> None:
    assert not follow(asking)

    assert asking.row(Review).state is ReviewState.OPEN
    assert in_airflow(asking)[0] == []


@pytest.mark.parametrize(
    ("verdict", "option"),
    [(Verdict.APPROVE, "Approve"), (Verdict.REJECT, "Reject"), (Verdict.ASK_CHANGES, "Ask for changes")],
)
@pytest.mark.parametrize("door", [Door.CLI, Door.MLFLOW])
def test_an_answer_by_another_door_lets_airflow_go_on_in_the_persons_name(
    asking: StageBench, verdict: Verdict, option: str, door: Door
) -> None:
    """0.1 answered in the name of an account that several people shared."""
    asking.installation.reviews.give(asking.run, Said("carl", verdict, door, "because"))
    follow(asking)

    assert in_airflow(asking) == ([option], "because", "carl")
    assert asking.airflow.runs[asking.run].dag == dag_of("default")


def test_of_two_approvers_the_one_who_decided_answers(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REGISTER)
    bench.put_policy(review={"approvers": 2})
    bench.run = bench.another_run(StageName.REGISTER, train__params={"lr": 3.0})
    ask(bench)
    for name in ("olga", "bob"):
        assert in_airflow(bench)[0] == []
        bench.installation.reviews.give(bench.run, Said(name, Verdict.APPROVE, Door.CLI, f"{name} says so"))
        follow(bench)

    assert in_airflow(bench) == (["Approve"], "bob says so", "bob")


def test_a_question_of_another_teams_run_is_left_alone(asking: StageBench) -> None:
    """Their DAG may hold a run of the same id."""
    asking.airflow.runs[asking.run].dag = dag_of("toys")
    asking.installation.reviews.give(asking.run, YES)
    follow(asking)

    assert in_airflow(asking)[0] == []


def test_a_pass_comes_soon_until_the_stage_has_gone_on(asking: StageBench) -> None:
    assert not follow(asking)
    asking.installation.reviews.give(asking.run, YES)
    assert follow(asking)
    asking.build(ReviewStage).finish(asking.run)
    assert not follow(asking)


def test_an_answer_is_carried_until_airflow_has_asked(asking: StageBench) -> None:
    """The command line is faster than Airflow's task, whose question is not there yet."""
    del asking.airflow.runs[asking.run].questions[StageName.REVIEW]
    asking.installation.reviews.give(asking.run, YES)
    follow(asking)
    asking.airflow.ask(asking.run, StageName.REVIEW)
    follow(asking)

    assert in_airflow(asking)[0] == ["Approve"]


def test_an_answer_is_carried_no_more_once_the_stage_is_done(asking: StageBench) -> None:
    asking.installation.reviews.give(asking.run, YES)
    asking.build(ReviewStage).finish(asking.run)
    asking.airflow.asked.clear()
    follow(asking)

    assert asking.airflow.asked == []


def test_a_revocation_answers_an_open_question(asking: StageBench) -> None:
    asking.installation.revocations.revoke("toy", "1", "carl", "leaks addresses")
    follow(asking)

    assert in_airflow(asking) == (["Reject"], "leaks addresses", "carl")


# --- The alias ---


def test_an_alias_that_was_set_past_the_gate_approves_nothing_and_goes(asking: StageBench) -> None:
    """In 0.1 it was an approval, by whoever had the password that all reviewers shared."""
    asking.installation.mlflow.set_alias("toy", CHALLENGER, "1")
    for _ in range(2):
        follow(asking)

    assert asking.row(Review).state is ReviewState.OPEN
    assert in_airflow(asking)[0] == []
    assert asking.mlflow.models["toy"].aliases == {}
    tag = asking.mlflow.models["toy"].versions["1"].tags["jinsu.review"]
    assert tag == "refused: the alias was set past the gate, by nobody known"


def test_an_alias_on_another_version_is_none_of_this_review(asking: StageBench) -> None:
    run = asking.submission.mlflow_run
    other = asking.installation.mlflow.create_version("toy", f"runs:/{run}/model", run, {}, "")
    asking.installation.mlflow.set_alias("toy", CHALLENGER, other)
    follow(asking)

    assert asking.row(Review).state is ReviewState.OPEN
    assert asking.mlflow.models["toy"].aliases == {CHALLENGER: other}


def test_the_alias_of_an_approval_stays(asking: StageBench) -> None:
    asking.installation.reviews.give(asking.run, YES)
    follow(asking)
    assert asking.mlflow.models["toy"].aliases == {CHALLENGER: "1"}


def test_a_review_that_mlflow_fails_on_holds_up_no_other(asking: StageBench) -> None:
    another_question(asking, "first")
    asking.installation.mlflow.set_alias("toy", CHALLENGER, "1")
    asked: list[str] = []

    def refuse_the_first(method: str, path: str) -> int:
        asked.append(path)
        return 500 if len(asked) == 1 else 0

    asking.mlflow.refuse = refuse_the_first
    with pytest.raises(TransientError):
        follow(asking)

    assert asking.mlflow.models["toy"].aliases == {}


# --- Reminders ---


class Webhook:
    """A server that chat messages are sent to. refuse: the status that it answers to a message with."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.refuse: Callable[[str], int] = lambda text: 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                hook.texts.append(body["text"])
                self.send_response(hook.refuse(body["text"]))
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/a-secret-address"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Nobody listens at the address any more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.stop()


@pytest.fixture
def reminding(bench_after: BenchAfter, webhook: Webhook) -> StageBench:
    """An installation with a webhook, whose question has waited for four days."""
    bench = ask(bench_after(StageName.REGISTER, review_webhook=webhook.url))
    bench.change(Review, asked=time.time() - 4 * DAY, due=time.time() - DAY)
    return bench


def due_in(bench: StageBench, run: str = "") -> float:
    """Seconds until the question is reminded of next."""
    return float(bench.row(Review, run or bench.run).due - time.time())


def test_a_question_that_is_not_due_is_not_reminded_of(reminding: StageBench, webhook: Webhook) -> None:
    reminding.change(Review, due=time.time() + 60)
    follow(reminding)
    assert webhook.texts == []


def test_reviewers_are_reminded_once_a_day(reminding: StageBench, webhook: Webhook) -> None:
    for _ in range(3):
        follow(reminding)
    assert len(webhook.texts) == 1
    assert webhook.texts[0].startswith(
        f"toy version 1 has waited 4.0 days for a review (0 of 1 approvals): jinsu review show {reminding.run} http"
    )
    assert due_in(reminding) == pytest.approx(DAY, abs=60)

    reminding.change(Review, due=time.time() - 1)
    follow(reminding)
    assert len(webhook.texts) == 2


def test_a_reminder_that_two_controllers_are_at_is_sent_once(reminding: StageBench, webhook: Webhook) -> None:
    """Both have read that it is due; one of them was paused, or is being replaced."""
    first, second = reminding.build(ReviewFollower), reminding.build(ReviewFollower)
    overdue = [(follower, review) for follower in (first, second) for review in follower._overdue()]
    for follower, review in overdue:
        follower._remind(review)
    assert len(overdue) == 2
    assert len(webhook.texts) == 1


def test_without_a_webhook_the_log_reminds_once_a_day(asking: StageBench, caplog: pytest.LogCaptureFixture) -> None:
    asking.change(Review, due=time.time() - 1)
    for _ in range(3):
        follow(asking)
    assert [record.getMessage()[:13] for record in caplog.records if record.name == "jinsu.reviews"] == [
        "toy version 1"
    ]


@pytest.mark.parametrize("verdict", Verdict)
def test_an_answered_question_is_not_reminded_of(reminding: StageBench, webhook: Webhook, verdict: Verdict) -> None:
    reminding.installation.reviews.give(reminding.run, Said("bob", verdict, Door.CLI))
    follow(reminding)
    assert webhook.texts == []


def test_a_question_of_a_cancelled_run_is_not_reminded_of(reminding: StageBench, webhook: Webhook) -> None:
    reminding.installation.cancellation.run(reminding.run, "by mistake")
    follow(reminding)
    assert webhook.texts == []


def test_a_reminder_that_is_refused_holds_up_no_other(reminding: StageBench, webhook: Webhook) -> None:
    others = [another_question(reminding, name) for name in ("abc", "zebra")]
    for run in others:
        reminding.change(Review, run, due=0.0)
    webhook.refuse = lambda text: 400 if text.startswith("abc") else 200
    for _ in range(2):
        follow(reminding)

    assert sorted(text.partition(" ")[0] for text in webhook.texts) == ["abc", "toy", "zebra"]
    assert due_in(reminding, others[0]) == pytest.approx(300, abs=60)
    assert due_in(reminding, others[1]) == pytest.approx(DAY, abs=60)


def test_a_webhook_that_is_away_is_left_alone_for_a_while_and_holds_up_no_answer(
    reminding: StageBench, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of a thousand reminders would wait five seconds, in every pass."""
    others = [another_question(reminding, name) for name in ("abc", "zebra")]
    for run in others:
        reminding.change(Review, run, due=0.0)
    webhook.stop()
    for _ in range(2):
        follow(reminding)
    failures = [record.getMessage() for record in caplog.records if "could not be sent" in record.getMessage()]
    assert failures == ["the reminder could not be sent: ConnectError"]
    assert all(due_in(reminding, run) == pytest.approx(300, abs=60) for run in (reminding.run, *others))

    reminding.change(Review, due=0.0)
    reminding.installation.reviews.give(reminding.run, YES)
    follow(reminding)
    assert in_airflow(reminding)[0] == ["Approve"]


def test_a_webhook_that_is_no_address_fails_no_pass(bench_after: BenchAfter, caplog: pytest.LogCaptureFixture) -> None:
    bench = ask(bench_after(StageName.REGISTER, review_webhook="http://127.0.0.1:nowhere/hooks/a-secret-address"))
    bench.change(Review, due=0.0)
    follow(bench)
    assert "the reminder could not be sent: InvalidURL" in caplog.text
    assert "a-secret-address" not in caplog.text


@pytest.mark.parametrize("status", [200, 500, 0])
def test_neither_the_text_nor_the_log_holds_a_secret(
    reminding: StageBench, webhook: Webhook, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """The address of a webhook is a secret: whoever has it writes into the team's channel."""
    webhook.refuse = lambda text: status
    if status == 0:
        webhook.stop()
    follow(reminding)

    settings = reminding.installation.settings  # httpx logs addresses: the controller's process turns that off
    said = "\n".join([*webhook.texts, *(record.getMessage() for record in caplog.records if record.name != "httpx")])
    assert "toy version 1" in said
    for secret in (settings.airflow_secret, settings.mlflow.password, "a-secret-address"):
        assert secret not in said


def test_an_answer_that_comes_with_the_reminder_is_not_lost(reminding: StageBench, webhook: Webhook) -> None:
    """The reminder writes its row a moment after the answer has decided it."""

    def answer_first(text: str) -> int:
        reminding.installation.reviews.give(reminding.run, YES)
        return 200

    webhook.refuse = answer_first
    follow(reminding)
    assert reminding.row(Review).state is ReviewState.APPROVED
    with pytest.raises(ConflictError):
        reminding.installation.reviews.give(reminding.run, Said("carl", Verdict.REJECT, Door.CLI))
