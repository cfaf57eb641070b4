"""Problems over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.data.expectations_file import read_expectations
from jinsu.errors import BadInputError
from jinsu.runs.problems import Problems, check_scorer
from jinsu.spec.load import problem_from
from jinsu.state.tables import Problem, ProblemVersion


@dataclass(frozen=True)
class ProblemPages:
    """Problems put and shown. Secrets of their splits are in no answer."""

    problems: Problems

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/problems", tags=["problems"])
        router.get("")(self.all)
        router.post("")(self.put)
        router.get("/{name}")(self.show)
        return router

    def all(self, who: Known) -> list[models.ProblemSummary]:
        """Every problem that the caller may see, by name."""
        return [
            models.ProblemSummary(name=row.name, team=row.team, dataset=row.dataset, inline=row.inline)
            for row in self.problems.all(who)
        ]

    def put(self, body: models.ProblemBody, who: Known) -> models.ProblemPut:
        """Makes a problem or its next version. Owners of the team may."""
        spec = problem_from(body.document)
        if (spec.expectations is None) != (body.expectations is None):
            raise BadInputError("problem.yaml: expectations: send the text of the file that it names, and no other.")
        if body.expectations is not None:
            read_expectations(body.expectations, str(spec.expectations))
        if (spec.scorer is None) != (body.scorer is None):
            raise BadInputError("problem.yaml: scorer: send the text of the file that it names, and no other.")
        if body.scorer is not None:
            check_scorer(body.scorer, str(spec.scorer))
        named = self.problems.put(who, spec, body.expectations, body.team, body.scorer)
        return models.ProblemPut(name=named.name, version=named.version, team=named.team)

    def show(self, name: str, who: Known) -> models.ProblemPage:
        """One problem with all its versions, newest first."""
        row, versions, looks = self.problems.get(who, name)
        return _shown(row, list(versions), looks)


def _shown(row: Problem, versions: list[ProblemVersion], looks: int) -> models.ProblemPage:
    return models.ProblemPage(
        name=row.name,
        team=row.team,
        dataset=row.dataset,
        inline=row.inline,
        looks=looks,
        versions=[
            models.ProblemVersion(
                version=item.version,
                document=item.document,
                expectations=item.expectations,
                scorer=item.scorer,
                by=item.by,
                at=item.at,
            )
            for item in versions
        ],
    )
