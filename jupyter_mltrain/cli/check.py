"""``mltrain check``: everything that can be known before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .context import backend_option, with_service
from .options import training_options
from .output import json_option, print_findings, print_json

if TYPE_CHECKING:
    from ..service import Plan, Service


@click.command("check")
@click.argument("notebook", type=click.Path(path_type=Path))
@training_options
@click.option("--strict", is_flag=True, help="Exit with 2 on warnings, too.")
@json_option
@backend_option
def check_command(notebook: Path, strict: bool, as_json: bool, backend: str, **options: Any) -> int:
    """Check NOTEBOOK and its job without running anything. Exit code 2 if it would be refused."""
    from .submit import request_from_options

    async def work(service: Service) -> Plan:
        return await service.plan(request_from_options(notebook, options))

    plan = with_service(backend, work)
    if as_json:
        print_json(plan.to_dict())
    else:
        print_findings(plan.findings, err=False)
        summary = plan.summary()
        click.echo(summary)
    warned = any(finding.severity.value == "warning" for finding in plan.findings)
    return 2 if plan.refused or (strict and warned) else 0
