"""``tenfold init`` and ``tenfold schema`` as a user types them."""

import json

import jsonschema
from ruamel.yaml import YAML

from tests.e2e.conftest import EXAMPLES, Shell


def test_the_file_it_writes_runs(cluster: Shell) -> None:
    """Untouched but for the number of trials, which a test has no time for."""
    data = str(EXAMPLES / "data" / "clinics.csv")
    written = cluster.run("init", "--data", data, "--target", "comes_back", "-o", "clinics.yaml")
    assert written.returncode == 0, written.stderr
    text = (cluster.folder / "clinics.yaml").read_text()
    for words in ("groups: clinic", "SimpleImputer", "OneHotEncoder", "stratified-group", "balanced_accuracy"):
        assert words in text
    cluster.write("clinics.yaml", text.replace("trials: 40", "trials: 3"))
    assert cluster.json("run", "clinics.yaml")["trials"]["succeeded"] == 3


def test_the_schema_accepts_what_it_writes(shell: Shell) -> None:
    """``tenfold schema`` is for editors; they must not underline a starter file."""
    assert shell.run("init", "-o", "first.yaml").returncode == 0
    schema = json.loads(shell.run("schema").stdout)
    jsonschema.validate(YAML(typ="safe").load(shell.folder / "first.yaml"), schema)
