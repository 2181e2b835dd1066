"""moto as a server: somebody else's AWS, on this machine.

What its CloudFormation (5.2.5) takes of deploy/template.yml, seen with boto3: the whole template as
it is. It makes the parameters, the buckets, the functions, the log groups, the roles, the API with
its methods and deployment, the permissions and the queue. It has nothing for AWS::S3::BucketPolicy,
AWS::ApiGateway::GatewayResponse and Stage, AWS::Lambda::EventInvokeConfig, AWS::CloudWatch::Alarm:
it warns, leaves them out, and then lists them in DescribeStackResources without a name or a type.

It has events of the stack only, none of resources; no outputs after a change set; no rollback; no
check of capabilities or of `x-amz-expected-bucket-owner`. It tells a CommaDelimitedList as Python
writes a list (`['203.0.113.7']`), and takes it for changed when it is given again beside previous
values: so neither the networks in force nor an update of nothing can be seen there. For all those
there is the scripted cloud.
"""

import os
import pathlib
import socket
import subprocess
import sys
import time

import boto3
import botocore.config

TOOLS = pathlib.Path(sys.executable).parent
ACCOUNT, REGION = "123456789012", "ap-northeast-1"


class Moto:
    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "moto.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(TOOLS / "moto_server"), "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=log,
                stderr=log,
                env={k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
            )
        deadline = time.monotonic() + 60
        while not self._listens():
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self):
        return self.log.read_text()

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="operator",
            aws_secret_access_key="operator",
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )

    def stop(self):
        self.process.terminate()
        self.process.wait()
