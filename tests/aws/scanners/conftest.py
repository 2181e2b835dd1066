import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
# The template as CloudFormation reads it.
sys.path.insert(0, str(ROOT / "tests/aws/template"))
