// AWS's SDK for JavaScript, with the credentials that serve made.

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import {
  CreateMultipartUploadCommand,
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const Bucket = "analyzedlogs-local";
const client = new S3Client({
  endpoint: process.env.AWS_ENDPOINT_URL,
  region: process.env.AWS_DEFAULT_REGION,
  forcePathStyle: true,
  maxAttempts: 1,
});

const text = async (Key, more = {}) => {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Body.transformToString();
};

test("objects round trip with every checksum, a range, and metadata", async () => {
  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
    const Key = `js/${ChecksumAlgorithm}.txt`;
    const Metadata = { who: "me" };
    await client.send(
      new PutObjectCommand({ Bucket, Key, Body: "0123456789", ChecksumAlgorithm, Metadata }),
    );
    assert.equal(await text(Key), "0123456789");
    assert.equal(await text(Key, { Range: "bytes=2-4" }), "234");
    const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
    assert.equal(head.Metadata.who, "me");
  }
  const listed = await client.send(new ListObjectsV2Command({ Bucket, Prefix: "js/", MaxKeys: 3 }));
  assert.equal(listed.KeyCount, 3);
  assert.ok(listed.IsTruncated);
});

test("a stream goes up in chunks, and a large one in parts", async () => {
  const chunks = ["first ", "second"];
  await client.send(
    new PutObjectCommand({ Bucket, Key: "js/stream", Body: Readable.from(chunks), ContentLength: 12 }),
  );
  assert.equal(await text("js/stream"), "first second");
  const Body = Buffer.alloc(12 << 20, "j");
  await new Upload({ client, params: { Bucket, Key: "js/large", Body }, partSize: 5 << 20 }).done();
  const { ContentLength, ETag } = await client.send(new HeadObjectCommand({ Bucket, Key: "js/large" }));
  assert.equal(ContentLength, 12 << 20);
  assert.match(ETag, /-3"$/);
  await client.send(new DeleteObjectCommand({ Bucket, Key: "js/large" }));
});

test("an upload that is aborted leaves nothing", async () => {
  const upload = { Bucket, Key: "js/aborted" };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(upload));
  await client.send(new AbortMultipartUploadCommand({ ...upload, UploadId }));
  const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  assert.ok(!Uploads?.some((found) => found.UploadId === UploadId));
});

test("what the presigner moves into the query is kept or refused", async () => {
  const put = async (more) => {
    const command = new PutObjectCommand({ Bucket, Key: "js/presigned", ...more });
    const url = await getSignedUrl(client, command, { expiresIn: 60 });
    return fetch(url, { method: "PUT", body: "hi" });
  };
  assert.equal((await put({ Metadata: { who: "me" } })).status, 200);
  const head = await client.send(new HeadObjectCommand({ Bucket, Key: "js/presigned" }));
  assert.equal(head.Metadata.who, "me");
  const refused = await put({ Tagging: "a=b" });
  assert.equal(refused.status, 501);
  assert.match(await refused.text(), /x-amz-tagging/);
  const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "js/presigned" }));
  assert.equal(await (await fetch(url)).text(), "hi");
});
