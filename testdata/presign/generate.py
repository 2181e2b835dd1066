"""Writes presigned.json: presigned PUT URLs as botocore makes them, at frozen instants.

Run in a virtual environment that has botocore: python3 generate.py
The keys are the example keys of AWS's documentation; they open nothing.
"""

import base64
import datetime
import hashlib
import json
import pathlib
from unittest import mock

import botocore
import botocore.auth
import botocore.session
from botocore.config import Config

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//token+with/reserved=characters=="
BODY = b"2019-08-01 00:00:01 up 45 days, 20:04\n"

AWS = {"endpoint": None, "region": "ap-northeast-1", "dual_stack": True}
LOCAL = {"endpoint": "http://127.0.0.1:8750", "region": "us-east-1", "dual_stack": False}

PLACES = {
    "path-style": (LOCAL, "path", "serverlogs-local"),
    "virtual-host": (AWS, "virtual", "serverlogs-dev-123456789012-ap-northeast-1"),
}
KEYS = ["web01/2019-08-01.log", "f052/db-1.example.co.jp/2024-02-29.log", "_gw/odd name+(1)=é.log"]
BINDINGS = {
    "plain": {},
    "size-and-sha256": {
        "ContentLength": len(BODY),
        "ChecksumSHA256": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
    },
    "empty-body": {
        "ContentLength": 0,
        "ChecksumSHA256": base64.b64encode(hashlib.sha256(b"").digest()).decode(),
    },
}
INSTANTS = ["2019-08-02T00:05:07Z", "2024-12-31T23:59:59Z"]


def presign(place, style, bucket, key, binding, token, at, expires):
    client = botocore.session.Session().create_client(
        "s3",
        region_name=place["region"],
        endpoint_url=place["endpoint"],
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=token,
        config=Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            s3={"addressing_style": style, "use_dualstack_endpoint": place["dual_stack"]},
        ),
    )
    instant = datetime.datetime.fromisoformat(at)
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: instant):
        return client.generate_presigned_url(
            "put_object",
            Params={"Bucket": bucket, "Key": key, **binding},
            ExpiresIn=expires,
            HttpMethod="PUT",
        )


def main():
    cases = []
    for place_name, (place, style, bucket) in PLACES.items():
        for key in KEYS:
            for binding_name, binding in BINDINGS.items():
                for token in [None, SESSION_TOKEN]:
                    for at in INSTANTS:
                        url = presign(place, style, bucket, key, binding, token, at, 300)
                        cases.append(
                            {
                                "place": place_name,
                                "region": place["region"],
                                "bucket": bucket,
                                "key": key,
                                "binding": binding_name,
                                "size": binding.get("ContentLength"),
                                "sha256_base64": binding.get("ChecksumSHA256"),
                                "session_token": token,
                                "at": at,
                                "expires_in": 300,
                                "url": url,
                            }
                        )
    document = {
        "made_by": f"botocore {botocore.__version__}",
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "cases": cases,
    }
    target = pathlib.Path(__file__).with_name("presigned.json")
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(cases)} URLs by botocore {botocore.__version__} in {target.name}")


if __name__ == "__main__":
    main()
