"""Random access to files of numbers in blocks, one for each step, as cp.x and CPMD write them.

A restarted run appends to its files and repeats steps, so the last record of a step counts.
"""

from collections import Counter

from ase.formula import Formula


def index_blocks(stream, opens, path, source, usual=None):
    """Return where the blocks of a file of numbers begin; each block holds one step.

    Parameters
    ----------
    stream : binary file
    opens : callable
        (line, step of the current block) -> step if the line opens a block, None if it continues the current one, -1
        if it belongs to none.
    path : Path
    source : Source
    usual : int, optional
        Number of lines of a block if it is known; a file in which no block has it is judged by its most common one.

    Returns
    -------
    blocks : dict
        Step -> (byte, number of lines), of the last block of that step.
    repeated : int
        Number of blocks that a later one replaced.
    truncated : int
        Number of blocks that are left out, because they have fewer lines than the others or end inside a line.

    Raises
    ------
    UserError
        When a line belongs to no block, or a block has more lines than the others; the message names the line.
    """
    blocks, repeated, offset, current, cut = {}, 0, 0, None, 0
    for number, line in enumerate(stream, 1):
        if not line.endswith(b"\n"):
            cut = 1
            break
        step = opens(line, current) if line.strip() else None
        if step == -1:
            current = None
        elif step is not None:
            repeated += step in blocks
            blocks[step] = [offset, 0, number]
            current = step
        elif current is None and line.strip():
            raise source.error(f"{path}, line {number}: {_shown(line)} belongs to no step")
        if current is not None and line.strip():
            blocks[current][1] += 1
        offset += len(line)
    counts = Counter(n_lines for _, n_lines, _ in blocks.values())
    if usual not in counts:
        usual = max(counts, key=lambda n_lines: (counts[n_lines], n_lines), default=0)
    for step, (_, n_lines, number) in blocks.items():
        # A restart that leaves no mark repeats a step within one block.
        if n_lines > usual and n_lines % usual:
            raise source.error(
                f"{path}, line {number}: step {step} has {n_lines} lines, the others have {usual}; "
                "which of them belong to it is unknown"
            )
    complete = {step: (begins, n_lines, usual) for step, (begins, n_lines, _) in blocks.items() if n_lines >= usual}
    repeated += sum(n_lines // usual - 1 for _, n_lines, _ in complete.values())
    return complete, repeated, max(len(blocks) - len(complete), cut)


def _shown(line):
    return repr(line.decode("utf-8", "replace").strip()[:80])


def words_at(stream, block):
    """Return the words of each line of a block, the last record of the step if there are several."""
    offset, n_lines, usual = block
    stream.seek(offset)
    rows = []
    while len(rows) < n_lines:
        words = stream.readline().split()
        if words:
            rows.append(words)
    return rows[-usual:]


def given_count(source):
    """Return the number of atoms that ``species`` of the configuration names, None if it is no formula or list."""
    if isinstance(source.species, str):
        try:
            return len(list(Formula(source.species)))
        except ValueError:
            return None
    return len(source.species) if isinstance(source.species, list) else None
