"""What the site takes from the project: files that it shows whole, and pages written from code.

A fact has one place. The site shows the project's own pages (README.md and others) where they lie
and does not copy them; lists of commands, rules, results and modules are written from the code.
MkDocs calls the functions whose names begin with `on_`.
"""

import ast
import posixpath
import re
import sys
from html import escape
from pathlib import Path

import click
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "workflow" / "scripts" / "livermet"
LOG = get_plugin_logger("livermet")
# Pages of the site that are files of the project outside of docs/.
SHOWN = {
    "index.md": "README.md",
    "how-to/contribute.md": "CONTRIBUTING.md",
    "reference/config.md": "config/README.md",
    "reference/changelog.md": "CHANGELOG.md",
}
PACKAGE_PAGES = "reference/package"
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)")
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)


def on_config(config):
    """Give each stage of the package its page below 'The package'."""
    (reference,) = (part["Reference"] for part in config.nav if "Reference" in part)
    (entry,) = (part for part in reference if "The package" in part)
    entry["The package"] = [
        f"{PACKAGE_PAGES}/index.md",
        *({f"livermet.{stage}": f"{PACKAGE_PAGES}/{stage}.md"} for stage in stages()),
    ]
    return config


def on_files(files, config):
    """Add the pages that do not lie in docs/."""
    for page, shown in SHOWN.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / shown)))
    for stage in stages():
        page = f"{PACKAGE_PAGES}/{stage}.md"
        files.append(File.generated(config, page, content=modules_of(stage)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lead links to the site's own pages, and write lists where a page has their marks."""
    here = page.file.src_uri

    def linked(match):
        return page_of(match.group(1), here)

    parts = re.split(f"({FENCED.pattern})", markdown, flags=FENCED.flags)
    markdown = "".join(part if part.startswith("```") else LINK.sub(linked, part) for part in parts)
    for mark, write in LISTS.items():
        if f"<!-- {mark} -->" in markdown:
            markdown = markdown.replace(f"<!-- {mark} -->", write())
    return markdown


def page_of(target, here):
    """Give a link of a page's source the form that it has on the site.

    target: the link, from the folder that the source lies in. here: the page, from docs/ on.
    """
    source = SHOWN.get(here, f"docs/{here}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    pages = {shown: page for page, shown in SHOWN.items()}
    if path in pages:
        page = pages[path]
    elif path.startswith("docs/"):
        page = path.removeprefix("docs/")
    else:
        LOG.warning(f"{source} links to {target}, which is no page of the site; name it instead.")
        return target
    return posixpath.relpath(page, posixpath.dirname(here) or ".")


def stages():
    """Name the parts of the package: one a stage, and 'shared' for what all of them share."""
    return ["shared", *sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))]


def modules_of(stage):
    """Write a page that shows each module of a stage."""
    folder = PACKAGE if stage == "shared" else PACKAGE / stage
    found = folder.glob("*.py") if stage == "shared" else folder.rglob("*.py")
    modules = sorted(
        ".".join(("livermet", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for path in found
        if path.stem != "__main__"
    )
    title = "What all stages share" if stage == "shared" else f"livermet.{stage}"
    return "\n\n".join([f"# {title}", *(f"::: {name}" for name in modules)]) + "\n"


def list_of_commands():
    """Write what `livermet` and each of its commands say of themselves."""
    sys.path.insert(0, str(PACKAGE.parent))
    from livermet.cli import main

    def told(command, name, parent=None):
        context = click.Context(command, info_name=name, parent=parent, terminal_width=100)
        return context, command.get_help(context)

    above, text = told(main, "livermet")
    parts = [f"```\n{text}\n```"]
    for name in main.list_commands(above):
        _, text = told(main.get_command(above, name), name, above)
        parts.append(f"## livermet {name}\n\n```\n{text}\n```")
    return "\n\n".join(parts)


def list_of_rules():
    """Write what each stage takes and gives, and what each of its rules does."""
    parts = []
    for name in (f"rules/{stage}.smk" for stage in stages_in_order()):
        text = (ROOT / name).read_text()
        about = re.match(r'"""(.*?)"""', text, re.S).group(1).strip()
        scripts = dict.fromkeys(re.findall(r'"\.\./workflow/scripts/(\w+)\.py"', text))
        rows = [f"| `{script}` | {first_sentence(script)} |" for script in scripts]
        table = ["| rule | what it does |", "|---|---|", *rows] if rows else []
        parts += [f"## `{name}`", in_paragraphs(about), "\n".join(table)]
    return "\n\n".join(filter(None, parts))


def stages_in_order():
    """Name the rule files in the Snakefile's order."""
    return re.findall(r'^include: "rules/(\w+)\.smk"', (ROOT / "Snakefile").read_text(), re.M)


def first_sentence(script):
    """Take the first paragraph of a script's docstring."""
    tree = ast.parse((PACKAGE.parent / f"{script}.py").read_text())
    said = ast.get_docstring(tree).partition("\n\n")[0].replace("\n", " ")
    return in_words(said.partition(": ")[2])


def in_paragraphs(text):
    """Begin a paragraph wherever a rule file says what comes in, what goes out, and how."""
    begun = re.sub(r"^(Comes in|Goes out|In|Out|Steps)(?=[:,])", r"\n**\1**", text, flags=re.M)
    return in_words(re.sub(r"\n +", "\n", begun))


def in_words(text):
    """Keep names in angle brackets readable outside of code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else escape(part, quote=False).replace("|", "\\|")
        for part in parts
    )


def list_of_exhibits():
    """Write which tables, figures and pages a run makes, and when."""
    sys.path.insert(0, str(PACKAGE.parent))
    from livermet.report.exhibits import EXHIBITS

    rows = [
        f"| `{one.path}` | {in_words(one.summary)} | {one.when or 'every run'} |"
        for one in EXHIBITS.values()
        if one.has_file
    ]
    return "\n".join(["| file | what it shows | made for |", "|---|---|---|", *rows])


def list_of_tables():
    """Write what each table promises; stages in their order, the sheets and the ledger first."""
    sys.path.insert(0, str(PACKAGE.parent))
    from livermet.contracts import all_contracts

    order = stages_in_order()
    contracts = all_contracts()
    parts = []
    for stage in sorted(contracts, key=lambda stage: order.index(stage) if stage in order else -1):
        parts += [f"## {stage}", *map(told, contracts[stage])]
    return "\n\n".join(parts)


def told(contract):
    """Write a table's files, what a row is, and its columns."""
    head = "| column | what it holds | unit | values | empty |\n|---|---|---|---|---|"
    rows = [
        f"| {' | '.join(map(in_words, column.told))} |"
        for column in (*contract.columns, *contract.optional)
    ]
    about = f"A row is {contract.row}."
    if contract.optional:
        optional = ", ".join(f"`{column.name}`" for column in contract.optional)
        about += f" Columns that may be left out: {optional}."
    if contract.key:
        about += f" No two rows have the same {', '.join(f'`{name}`' for name in contract.key)}."
    files = ", ".join(f"`{path}`" for path in contract.files)
    return "\n\n".join([f"### {files}", about, "\n".join([head, *rows])])


LISTS = {
    "commands": list_of_commands,
    "rules": list_of_rules,
    "tables": list_of_tables,
    "exhibits": list_of_exhibits,
}
