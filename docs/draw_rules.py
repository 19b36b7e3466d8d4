"""Draw docs/images/rules.svg: the rules of the demo and of the published analysis, by stage.

Snakemake gives the graph (`--rulegraph`); it is laid out here, since graphviz' program is no Python
package. Rows are steps of the DAG, and the order in a row keeps neighbours near each other.
Usage: python docs/draw_rules.py TABLE, with the authors' feature table.
"""

import re
import subprocess
import sys
from html import escape
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import networkx as nx

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "rules.svg"
WIDTH, HEIGHT, ROW, GAP, MARGIN, LEGEND = 172, 26, 62, 14, 20, 74
# They read what nearly all others write: their lines would hide all others.
PAGES = ("write_report", "write_checklists", "write_cards")
NOTE = (
    "A line leads down to a rule that reads the output. The rules of the last row read "
    "nearly all tables and figures: their lines are left out."
)
# The width of the lane in which a line passes a row.
THROUGH = 12
SWEEPS = 40
STYLE = """
  .card { fill: #ffffff } .edge { fill: none; stroke: #8a929b; stroke-width: 1.3 }
  .rule { stroke: #6b737c; stroke-width: 1 }
  text { font: 11px sans-serif; fill: #1b1f24; text-anchor: middle }
  .legend { font-size: 12px; text-anchor: start }
"""


def main(table):
    """Plan both runs, and draw what they have together."""
    stages = stages_of_rules()
    published = ["config/published.yaml", "config/published_searched.yaml"]
    with TemporaryDirectory() as folder:
        # The demo has DICOM series, so that its features could be harmonised. Under a name without
        # results, since what trained networks were made from is no part of a plan any more.
        harmonised = Path(folder, "harmonised.yaml")
        harmonised.write_text("run: rules\nphenotype: {harmonisation: {by: thickness}}\n")
        graph = nx.compose(
            rule_graph(["--configfile", "config/demo.yaml", str(harmonised)], list(stages)),
            rule_graph(
                ["--config", f"phenotype={{table: '{table}'}}", "--configfile", *published],
                list(stages),
            ),
        )
    # Neither of the two has a table of expression to score samples from.
    graph.add_edge("score_samples", "match_cohort")
    # Nor weights of others that networks begin from.
    graph.add_edges_from(pairwise(["plan_nnunet", "check_pretrained", "train_nnunet"]))
    # Nor new patients and a packed model; and harmonised features judge no scan without a sample.
    graph.add_edges_from(pairwise(["extract_radiomics", "judge_study", "write_patient"]))
    graph.add_edge("measure_detection", "judge_study")
    graph.add_edges_from([("view_series", "write_patient"), ("write_patient", "collect_patients")])
    graph.add_edge("score_test", "judge_unsampled")
    graph.remove_edges_from([edge for edge in graph.edges if edge[1] in PAGES])
    reduced = in_order(nx.transitive_reduction(in_order(graph)))
    PICTURE.write_text(drawn(reduced, placed(reduced), stages))


def in_order(graph):
    """Give a graph whose rules and lines have one order, so that one plan has one picture."""
    ordered = nx.DiGraph()
    ordered.add_nodes_from(sorted(graph))
    ordered.add_edges_from(sorted(graph.edges))
    return ordered


def stages_of_rules():
    """Map each rule, under its script's name, to its stage, in the order of the Snakefile."""
    order = re.findall(r'^include: "rules/(\w+)\.smk"', (ROOT / "Snakefile").read_text(), re.M)
    found = {}
    for stage in order:
        text = (ROOT / "rules" / f"{stage}.smk").read_text()
        found |= dict.fromkeys(re.findall(r'"\.\./workflow/scripts/(\w+)\.py"', text), stage)
    return found


def rule_graph(options, scripts):
    """Ask Snakemake for the graph of a plan; rules of a loop become their script."""
    command = [sys.executable, "-m", "snakemake", "--nolock", "--rulegraph", "dot", *options]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    named = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', text, re.M))
    pairs = re.findall(r"^\s*(\d+) -> (\d+)", text, re.M)
    graph = nx.DiGraph()
    # A rule may read nothing and write what no other rule reads.
    graph.add_nodes_from(script_of(name, scripts) for name in named.values() if name != "all")
    for ends in pairs:
        first, then = (script_of(named[end], scripts) for end in ends)
        if then != "all" and first != then:
            graph.add_edge(first, then)
    return graph


def script_of(rule, scripts):
    """Give the script of a rule, whose name begins as the script's does."""
    begun = [script for script in scripts if rule == script or rule.startswith(f"{script}_")]
    if begun:
        return max(begun, key=len)
    # Predictions of MONAI's networks are called after the network.
    return "predict_monai" if rule.startswith("predict_") else rule


def placed(graph):
    """Give each rule, and each row that an edge passes, its row and the middle of its place."""
    row = {node: n for n, nodes in enumerate(nx.topological_generations(graph)) for node in nodes}
    row |= dict.fromkeys(PAGES, max(row[node] for node in row if node not in PAGES) + 1)
    for node in reversed(list(nx.topological_sort(graph))):
        if not graph.in_degree(node) and graph.out_degree(node):
            row[node] = min(row[after] for after in graph.successors(node)) - 1
    chains = [
        (first, *((first, then, n) for n in range(row[first] + 1, row[then])), then)
        for first, then in graph.edges
    ]
    row |= {node: node[2] for chain in chains for node in chain[1:-1]}
    near = {node: ([], []) for node in row}
    for chain in chains:
        for above, below in pairwise(chain):
            near[above][1].append(below)
            near[below][0].append(above)
    rows = [[] for _ in range(max(row.values()) + 1)]
    for node in row:
        rows[row[node]].append(node)
    middle = {node: float(n) for nodes in rows for n, node in enumerate(nodes)}
    for sweep in range(SWEEPS):
        side = sweep % 2
        for nodes in rows[::-1] if side else rows:
            wanted = {node: mean([middle[other] for other in near[node][side]]) for node in nodes}
            wanted = {node: middle[node] if at is None else at for node, at in wanted.items()}
            nodes.sort(key=wanted.get)
            spread(nodes, wanted, middle)
    least = min(middle[node] - width(node) / 2 for node in row)
    places = {
        node: (MARGIN + middle[node] - least, MARGIN + LEGEND + row[node] * ROW) for node in row
    }
    return places, chains


def mean(values):
    """Give the mean; None of nothing."""
    return sum(values) / len(values) if values else None


def width(node):
    """Give the width of a rule's box, or of the lane that an edge passes a row in."""
    return WIDTH if isinstance(node, str) else THROUGH


def spread(nodes, wanted, middle):
    """Put the places of a row as near to the wanted ones as boxes that do not overlap can be."""
    # Blocks of boxes that touch: each lies at the mean of what its boxes want.
    blocks = []
    for node in nodes:
        blocks.append([[node], [0.0], wanted[node]])
        while len(blocks) > 1 and starts(blocks[-1]) < ends(blocks[-2]) + GAP:
            last, before = blocks.pop(), blocks.pop()
            shift = before[1][-1] + width(before[0][-1]) / 2 + GAP + width(last[0][0]) / 2
            offsets = before[1] + [shift + offset for offset in last[1]]
            members = before[0] + last[0]
            at = mean([wanted[one] - offset for one, offset in zip(members, offsets, strict=True)])
            blocks.append([members, offsets, at])
    for members, offsets, at in blocks:
        middle.update({one: at + offset for one, offset in zip(members, offsets, strict=True)})


def starts(block):
    """Give the left end of a block."""
    return block[2] + block[1][0] - width(block[0][0]) / 2


def ends(block):
    """Give the right end of a block."""
    return block[2] + block[1][-1] + width(block[0][-1]) / 2


def drawn(graph, layout, stages):
    """Write the picture."""
    places, chains = layout
    names = list(dict.fromkeys(stages.values()))
    # Hues that lie far apart for neighbours.
    fills = {name: f"hsl({137 * n % 360}, 60%, 90%)" for n, name in enumerate(names)}
    wide = max(x + width(node) / 2 for node, (x, _) in places.items()) + MARGIN
    high = max(y for _, y in places.values()) + HEIGHT + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" '
        f'width="{wide:.0f}" height="{high:.0f}" role="img">',
        "<title>All rules by stage, and what reads whose output</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="card" width="{wide:.0f}" height="{high:.0f}" rx="8"/>',
    ]
    for n, name in enumerate(names):
        x, y = MARGIN + 130 * (n % 14), MARGIN
        parts.append(
            f'<rect class="rule" x="{x}" y="{y}" width="18" height="14" fill="{fills[name]}"/>'
        )
        parts.append(f'<text class="legend" x="{x + 24}" y="{y + 12}">{name}</text>')
    parts.append(f'<text class="legend" x="{MARGIN}" y="{MARGIN + 38}">{NOTE}</text>')
    for chain in sorted(chains, key=str):
        points = [places[node] for node in chain]
        path = [f"M{points[0][0]:.0f},{points[0][1] + HEIGHT}"]
        for n, (x, y) in enumerate(points[1:], start=1):
            before = points[n - 1]
            start = before[1] + HEIGHT
            path.append(
                f"C{before[0]:.0f},{(start + y) / 2:.0f} {x:.0f},{(start + y) / 2:.0f} {x:.0f},{y}"
            )
            if n < len(points) - 1:
                path.append(f"V{y + HEIGHT}")
        parts.append(f'<path class="edge" d="{" ".join(path)}"/>')
    for node in sorted(graph):
        x, y = places[node]
        parts.append(
            f'<rect class="rule" x="{x - WIDTH / 2:.0f}" y="{y}" width="{WIDTH}" '
            f'height="{HEIGHT}" rx="5" fill="{fills[stages[node]]}"/>'
            f'<text x="{x:.0f}" y="{y + 17}">{escape(node)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main(*sys.argv[1:])
