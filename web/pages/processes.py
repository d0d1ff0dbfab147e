"""Processes, for their owners: versions with drawing and outline, their files, and (beneath) drafts."""

from flask import Blueprint, Response, render_template, send_file
from flask.typing import ResponseReturnValue

from storage.errors import NotFound
from web import processes
from web.context import system
from web.diagrams import diagram_bytes
from web.draft_files import lines, media_type, own_files, packed
from web.files import attachment
from web.pages import draft_editors, drafts, tryout
from web.rights import Right, needs

pages = Blueprint("processes", __name__)
for module in (drafts, draft_editors, tryout):
    pages.register_blueprint(module.pages)


@pages.get("/processes")
@needs(Right.DRAW)
def all_in_force() -> ResponseReturnValue:
    """List processes and drafts."""
    with system().database.reading() as tx:
        found = processes.in_force(tx)
        return render_template("processes/list.html", processes=found, drafts=tx.deployments.drafts())


@pages.get("/processes/<key>")
@needs(Right.DRAW)
def show(key: str) -> ResponseReturnValue:
    """Show the version in force."""
    return _page(key, None)


@pages.get("/processes/<key>/versions/<int:version>")
@needs(Right.DRAW)
def version(key: str, version: int) -> ResponseReturnValue:
    """Show one version."""
    return _page(key, version)


@pages.get("/processes/<key>/versions/<int:version>/diagram")
@needs(Right.DRAW)
def diagram(key: str, version: int) -> ResponseReturnValue:
    """Give the diagram of a version as BPMN, for its drawing."""
    with system().database.reading() as tx:
        data = diagram_bytes(tx, tx.deployments.version(key, version).id)
        return Response(data, mimetype="text/xml")


@pages.get("/deployments/<int:deployment_id>/files/<path:path>")
@needs(Right.DRAW)
def file(deployment_id: int, path: str) -> ResponseReturnValue:
    """Give a deployed file, byte for byte."""
    with system().database.reading() as tx:
        digest = tx.deployments.digests(deployment_id).get(path)
        if digest is None:
            raise NotFound("There is no such file.")
        return attachment(tx.documents, digest, media_type(path), path)


@pages.get("/deployments/<int:deployment_id>/zip")
@needs(Right.DRAW)
def whole(deployment_id: int) -> ResponseReturnValue:
    """Give all files of a deployment as a zip."""
    with system().database.reading() as tx:
        found = packed(tx.deployments.files(deployment_id))
    return send_file(
        found, mimetype="application/zip", as_attachment=True, download_name=f"deployment-{deployment_id}.zip"
    )


def _page(key: str, number: int | None) -> str:
    with system().database.reading() as tx:
        all_versions = processes.versions(tx, key)
        chosen = next((one for one in all_versions if number in (None, one.version)), None)
        if chosen is None:
            raise NotFound("There is no such version.")
        definition = tx.deployments.definition(chosen.definition_id)
        files = tx.deployments.files(chosen.deployment_id)
        own = own_files(files)
        return render_template(
            "processes/version.html",
            chosen=chosen,
            newest=all_versions[0],
            versions=all_versions,
            outline=processes.outlined(files.get(definition.file, b""), definition.file, key),
            files=lines(own),
            called=lines({path: data for path, data in files.items() if path not in own}),
            together=[one for one in tx.deployments.definitions_of(chosen.deployment_id) if one.key != key],
        )
