"""Peak memory of `fercli classify` by the number of photos: all of its steps but the networks, in a process each.

python tests/bench/memory.py [1000 20000]
"""

import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.scenes import compose


def child(folder: str, output: str) -> None:
    """Classify the folder with a labeller that needs no network, and print the peak."""
    import fercli.models.ensembles
    from fercli.cli import app
    from tests.fakes import FakeLabeller

    fercli.models.ensembles.labeller_for = FakeLabeller  # type: ignore[assignment]
    app(["classify", folder, "-o", output, "--detector", "none", "--quiet"], standalone_mode=False)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
        return
    counts = [int(text) for text in sys.argv[1:]] or [1000, 20_000]
    with tempfile.TemporaryDirectory() as name:
        photo = Path(name) / "photo.jpg"
        compose(0, width=350, height=350, most=1).picture.save(photo)
        for count in counts:
            folder = Path(name) / str(count)
            folder.mkdir()
            for number in range(count):
                shutil.copyfile(photo, folder / f"{number:06}.jpg")  # copies, for one file is labelled once
            command = [sys.executable, __file__, "child", str(folder), str(Path(name) / f"{count}.csv")]
            peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
            print(f"{count:7,} photos: at most {peak} MB", flush=True)


if __name__ == "__main__":
    main()
