"""Leave Thebe out of the pages: it is loaded, twice, whether a book uses it or not.

Its script has the address of a server in it, and declaring its constants twice is an error
in the browser's console.
"""


def drop(_app, _page, _template, context, _doctree):
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in f"{script} {getattr(script, 'attributes', {})}".lower()
    ]


def setup(app):
    app.connect("html-page-context", drop, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
