"""A small AWS on this machine: a Lambda Runtime API, moto's Parameter Store, and an S3.

The two compiled functions run in it as they do in Lambda.
"""

import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.request

import boto3
import botocore.config
from programs import PATIENCE, ROOT, TOOLS, Process, eventually, free_port, listens, moto

PROGRAMS = pathlib.Path(os.environ.get("LOG2AWS_BOOTSTRAPS", ROOT / "target" / "debug"))
FUNCTIONS = ["generate-url", "analyze-log"]
REGION = "us-east-1"
RAW, ANALYZED = "serverlogs-local", "analyzedlogs-local"


class Cloud:
    """The stand-ins, and the functions among them.

    `s3_url` is an S3; without one moto's serves, which checks no signature. `keys` holds what each
    function signs with, and `operator` what the tests do: key id, secret and, if there is one,
    session token. `between` may put something between a function and a service of AWS: called with the names of
    both and the service's URL, it returns the URL for the function.
    """

    def __init__(self, folder, s3_url, keys, operator, between=lambda function, service, url: url):
        self.folder, self.keys, self.operator, self.between = folder, keys, operator, between
        self.running = {}
        self.port, self.moto_port = free_port(), free_port()
        self.moto_url = f"http://127.0.0.1:{self.moto_port}"
        self.s3_url = s3_url or self.moto_url

    def begin(self):
        self.start_store()
        # The emulator serves the binaries of a cargo project: here one of empty programs, whose
        # names are those of the functions. It builds none of them.
        project = self.folder / "project"
        (project / "src" / "bin").mkdir(parents=True)
        manifest = '[package]\nname = "functions"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
        (project / "Cargo.toml").write_text(manifest)
        for name in FUNCTIONS:
            (project / "src" / "bin" / f"{name}.rs").write_text("fn main() {}\n")
        watch = [str(TOOLS / "cargo-lambda"), "lambda", "watch", "--only-lambda-apis"]
        self.start(
            "runtime-api", [*watch, "-A", "127.0.0.1", "-P", str(self.port)], cwd=project
        )
        eventually(self.trouble, lambda: listens(self.port))
        for name in FUNCTIONS:
            self.start_function(name)

    def start(self, name, command, **options):
        self.running[name] = Process(name, self.folder, command, **options)

    def start_store(self):
        """A Parameter Store with the settings in it."""
        self.running["parameter-store"] = moto(self.folder, self.moto_port)
        self.put_parameter("LogPutAllowHosts", "127.0.0.1")
        self.put_parameter("ServerlogBucketName", RAW)
        self.put_parameter("AnalyzedlogBucketName", ANALYZED)

    def start_function(self, name, **settings):
        """Starts a function; `settings` are variables of its environment, as the template's."""
        names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
        environment = {
            "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{self.port}/.rt/{name}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_REGION": REGION,
            **dict(zip(names, self.keys[name])),
            "AWS_ENDPOINT_URL_SSM": self.between(name, "ssm", self.moto_url),
            "AWS_ENDPOINT_URL_S3": self.between(name, "s3", self.s3_url),
            "LOG2AWS_ENV": "dev",
            # The day of the seed's log is years ago, and these tests replace it.
            "LOG2AWS_DAYS_BACK": "36500",
            "LOG2AWS_FINAL_AFTER_DAYS": "0",
            **settings,
        }
        program = PROGRAMS / name
        assert program.is_file(), f"{program} is not there; build it or set LOG2AWS_BOOTSTRAPS"
        self.start(name, [str(program)], env=environment)

    def put_parameter(self, name, value):
        ssm = boto3.client(
            "ssm",
            endpoint_url=self.moto_url,
            region_name=REGION,
            aws_access_key_id="operator",
            aws_secret_access_key="operator",
        )
        ssm.put_parameter(
            Name=f"/log2aws/dev/{name}", Value=value, Type="String", Overwrite=True
        )

    def s3(self):
        """The operator's own way to S3, past everything that is between."""
        key, secret = self.operator
        return boto3.client(
            "s3",
            endpoint_url=self.s3_url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=botocore.config.Config(
                retries={"max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )

    def keys_of_servers(self, *words):
        """What `log2aws key` says, run by the operator."""
        key, secret = self.operator
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": REGION,
        }
        program = os.environ.get("LOG2AWS_BINARY", ROOT / "target" / "debug" / "log2aws")
        place = ["--results", f"s3://{ANALYZED}", "--endpoint-url", self.s3_url]
        command = [str(program), "key", *words, *place]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def restart(self, name, **settings):
        """Starts a function anew: it holds nothing that it read before."""
        self.running[name].stop()
        self.start_function(name, **settings)

    def invoke(self, name, event):
        """One invocation: the HTTP status of the Runtime API's front, and the function's answer."""
        path = f"http://127.0.0.1:{self.port}/2015-03-31/functions/{name}/invocations"
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        request = urllib.request.Request(path, data=body)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def said(self, name):
        return self.running[name].said()

    def trouble(self):
        return "\n".join(f"{name}: {said}" for name in self.running for said in self.said(name))

    def stop(self):
        for process in reversed(self.running.values()):
            process.stop()
