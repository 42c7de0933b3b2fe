"""The list of problems is what is wrong now: what is solved goes, and may come back."""

from __future__ import annotations

from functools import partial
from operator import eq

from napari_lazy_pipeline.errors import FileError, StepError
from napari_lazy_pipeline.image.problem_log import Problem, ProblemLog

ONE, TWO = Problem("a.tif", "It is cut off"), Problem("b.tif", "It is gone")


def test_a_problem_goes_when_all_it_is_about_is_solved() -> None:
    log = ProblemLog()
    assert log.report(ONE, "t0") and not log.report(ONE, "t1") and log.report(TWO, "t2")
    log.withdraw(partial(eq, "t0"))
    assert [*log] == [ONE, TWO], "t1 is still bad"
    log.withdraw(partial(eq, "t1"))
    assert [*log] == [TWO]
    assert log.report(ONE, "t0"), "it is new again"


def test_what_is_about_nothing_stays() -> None:
    log = ProblemLog()
    log.report(ONE)
    log.withdraw(lambda about: True)
    assert [*log] == [ONE]


def test_who_listens_hears_of_each_change_only() -> None:
    log, lengths = ProblemLog(), list[int]()

    class Listener:
        def note(self) -> None:
            lengths.append(len(log))

    listener, gone = Listener(), Listener()
    log.listen(listener.note)
    log.listen(gone.note)
    del gone
    log.report(ONE, 1)
    log.report(ONE, 2)
    log.withdraw(partial(eq, 1))
    log.withdraw(partial(eq, 2))
    log.unlisten(listener.note)
    log.report(TWO)
    assert lengths == [1, 0]


def test_a_problem_says_where_what_and_what_to_do() -> None:
    problem = Problem.of(FileError("It is cut off", "a.tif", "Copy it again"))
    assert str(problem) == "It is cut off (a.tif); shown blank. Copy it again"
    assert problem.kind == "FileError"
    failed = StepError("Deskew failed", "", "", "deskew", 2)
    assert Problem.of(failed, "t=1, channel 488").where == "t=1, channel 488"
    assert Problem.of(failed).kind == "deskew"
