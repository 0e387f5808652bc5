"""Whether what stays still finds what it imports, once the marked lines are gone."""

import ast
from collections.abc import Iterator, Mapping

from separation.contract.marks import Lines

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def missing(files: Mapping[str, Lines]) -> Iterator[str]:
    """Give the imports of names that no module of FILES, Python by path, defines any more, as `path:line: what`."""
    trees = {path: ast.parse("".join(line for _, line in lines)) for path, lines in files.items()}
    names = {path: set(_defined(tree)) for path, tree in trees.items()}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and (home := _file_of(node.module, files)):
                for wanted in node.names:
                    if wanted.name not in names[home] and not _file_of(f"{node.module}.{wanted.name}", files):
                        number = files[path][node.lineno - 1][0]
                        yield f"{path}:{number}: imports {wanted.name}, which {home} defines only for the separation"


def _defined(tree: ast.Module) -> Iterator[str]:
    """Give the names a module defines, in whatever branch; more than there are does no harm."""
    for node in ast.walk(tree):
        if isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def _file_of(module: str, files: Mapping[str, Lines]) -> str:
    """Return the file of a module among FILES, or nothing."""
    base = module.replace(".", "/")
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if path in files), "")
