"""Tasks, their assignments and comments on files, and sign requests."""

from __future__ import annotations

from starlette.responses import Response

from ..company.people import Doc
from ..errors import not_found
from .call import Call, Handler, page_by_marker, page_by_offset, respond
from .governance import TYPES, document
from .representations import ROOT_MINI, mini_item, parent

SIGN_SCOPE = "sign_requests.readwrite"


def file_of(section: str, entry: Doc) -> str:
    """Return the id of the file that a task, a comment or an assignment is about."""
    item: Doc = entry["item"]
    return str(item["file"] if section == "tasks" else item["id"])


def about_file(call: Call, section: str) -> list[Doc]:
    """Return the tasks of the file in the path, or its comments. Raises 404 if the caller cannot see the file."""
    call.need_read()
    item = call.item("file", call.request.path_params["id"])
    return [
        entry for entry in call.context.world.governance.of(section) if file_of(section, entry) == item.id
    ]


def found(call: Call, section: str, object_id: str) -> Doc:
    """Return a task or a comment. Raises 404 for an unknown id, and if the caller cannot see its file."""
    call.need_read()
    entry = call.context.world.governance.find(section, object_id)
    item = call.context.world.tree.files.get(file_of(section, entry)) if entry else None
    if entry is None or item is None or item.is_trashed() or not call.view().sees(item):
        raise not_found(TYPES[section], object_id)
    return entry


def assignment_doc(call: Call, entry: Doc) -> Doc:
    """Return an assignment as Box returns it, with the file of its task."""
    task = call.context.world.governance.find("tasks", entry["task"])
    others = {name: value for name, value in entry.items() if name != "task"}
    return document(call, "task_assignments", {**others, "item": task and task["item"]})


def assignments_of(call: Call, task: Doc) -> Doc:
    """Return the assignments of a task as a list without paging."""
    entries = [
        assignment_doc(call, entry)
        for entry in call.context.world.governance.of("task_assignments")
        if entry["task"] == task["id"]
    ]
    return {"total_count": len(entries), "entries": entries}


def task_doc(call: Call, entry: Doc) -> Doc:
    """Return a task as Box returns it, with its assignments."""
    return {**document(call, "tasks", entry), "task_assignment_collection": assignments_of(call, entry)}


async def file_tasks(call: Call) -> Response:
    """`GET /files/:id/tasks`: the whole list without paging."""
    docs = [task_doc(call, entry) for entry in about_file(call, "tasks")]
    return respond({"total_count": len(docs), "entries": docs})


async def task(call: Call) -> Response:
    """`GET /tasks/:id`."""
    return respond(task_doc(call, found(call, "tasks", call.request.path_params["id"])))


async def task_assignments(call: Call) -> Response:
    """`GET /tasks/:id/assignments`: the whole list without paging."""
    return respond(assignments_of(call, found(call, "tasks", call.request.path_params["id"])))


async def task_assignment(call: Call) -> Response:
    """`GET /task_assignments/:id`."""
    assignment_id = call.request.path_params["id"]
    entry = call.context.world.governance.find("task_assignments", assignment_id)
    if entry is None:
        raise not_found("task_assignment", assignment_id)
    found(call, "tasks", entry["task"])
    return respond(assignment_doc(call, entry))


async def file_comments(call: Call) -> Response:
    """`GET /files/:id/comments`."""
    paging, part = page_by_offset(call, about_file(call, "comments"))
    return respond({**paging, "entries": [document(call, "comments", entry) for entry in part]})


async def comment(call: Call) -> Response:
    """`GET /comments/:id`."""
    return respond(document(call, "comments", found(call, "comments", call.request.path_params["id"])))


def signer(entry: Doc) -> Doc:
    """Return one signer as Box returns it."""
    decision = entry.get("decision")
    return {
        "email": entry["email"],
        "role": entry["role"],
        "is_in_person": False,
        "order": entry["order"],
        "login_required": False,
        "has_viewed_document": entry.get("has_viewed_document", False),
        "signer_decision": decision
        and {"type": decision, "finalized_at": entry["decided_at"], "additional_info": None},
        "inputs": [],
        "embed_url": None,
        "iframeable_embed_url": None,
    }


def sign_doc(call: Call, entry: Doc) -> Doc:
    """Return a sign request as Box returns it. Its sender's id is a number, as in Box's description."""
    names = ("id", "name", "status", "short_id", "created_at", "auto_expire_at", "days_valid")
    source = call.context.world.tree.files.get(entry["source"])
    files = [] if source is None else [mini_item(source)]
    return {
        "type": "sign-request",
        **{name: entry[name] for name in names},
        "email_subject": entry["email_subject"],
        "email_message": entry["email_message"],
        "finished_at": entry.get("finished_at"),
        "is_document_preparation_needed": False,
        "are_text_signatures_enabled": True,
        "are_reminders_enabled": True,
        "prefill_tags": [],
        "source_files": [{name: file[name] for name in ("id", "type", "etag")} for file in files],
        "sign_files": {"files": files, "is_ready_for_download": entry["status"] == "signed"},
        "signers": [signer(each) for each in entry["signers"]],
        "parent_folder": dict(ROOT_MINI) if source is None else parent(call.view(), source),
        "prepare_url": None,
        "sender_email": entry["sender"],
        "sender_id": int(call.context.world.person_id(entry["sender"])),
    }


def own_sign_requests(call: Call) -> list[Doc]:
    """Return the sign requests that the calling user sent (Box guide *Box Sign*: the list is the user's own)."""
    call.need(SIGN_SCOPE)
    return [
        entry
        for entry in call.context.world.governance.of("sign_requests")
        if call.context.world.person_id(entry["sender"]) == call.user["id"]
    ]


async def sign_requests(call: Call) -> Response:
    """`GET /sign_requests`."""
    paging, part = page_by_marker(call, own_sign_requests(call))
    return respond({**paging, "entries": [sign_doc(call, entry) for entry in part]})


async def sign_request(call: Call) -> Response:
    """`GET /sign_requests/:id`."""
    request_id = call.request.path_params["id"]
    for entry in own_sign_requests(call):
        if entry["id"] == request_id:
            return respond(sign_doc(call, entry))
    raise not_found("sign_request", request_id)


PATHS: dict[str, dict[str, Handler]] = {
    "/files/{id}/tasks": {"GET": file_tasks},
    "/tasks/{id}": {"GET": task},
    "/tasks/{id}/assignments": {"GET": task_assignments},
    "/task_assignments/{id}": {"GET": task_assignment},
    "/files/{id}/comments": {"GET": file_comments},
    "/comments/{id}": {"GET": comment},
    "/sign_requests": {"GET": sign_requests},
    "/sign_requests/{id}": {"GET": sign_request},
}
