// MinIO's client for JavaScript, with the credentials that serve made.

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import * as minio from "minio";

const BUCKET = "analyzedlogs-local";
const at = new URL(process.env.AWS_ENDPOINT_URL);
const client = new minio.Client({
  endPoint: at.hostname,
  port: Number(at.port),
  useSSL: false,
  accessKey: process.env.AWS_ACCESS_KEY_ID,
  secretKey: process.env.AWS_SECRET_ACCESS_KEY,
  partSize: 5 << 20,
});

const collect = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
};

const text = async (key) => Buffer.concat(await collect(await client.getObject(BUCKET, key))).toString();

test("objects round trip in one piece and in parts", async () => {
  await client.putObject(BUCKET, "minio-js/日本 +.txt", "0123456789");
  assert.equal(await text("minio-js/日本 +.txt"), "0123456789");
  const parts = Buffer.concat(await collect(await client.getPartialObject(BUCKET, "minio-js/日本 +.txt", 2, 3)));
  assert.equal(parts.toString(), "234");
  const piece = Buffer.alloc(1 << 20, "m");
  await client.putObject(BUCKET, "minio-js/large", Readable.from(Array(12).fill(piece)), 12 << 20);
  const { size, etag } = await client.statObject(BUCKET, "minio-js/large");
  assert.equal(size, 12 << 20);
  assert.match(etag, /-3$/);
  await client.removeObject(BUCKET, "minio-js/large");
  await client.putObject(BUCKET, "minio-js/empty", "");
  assert.equal((await client.statObject(BUCKET, "minio-js/empty")).size, 0);
  const listed = await collect(client.listObjectsV2(BUCKET, "minio-js/", true));
  assert.deepEqual(listed.map((found) => found.name), ["minio-js/empty", "minio-js/日本 +.txt"]);
});

test("presigned URLs are accepted, and errors say what is wrong", async () => {
  const put = await client.presignedPutObject(BUCKET, "minio-js/presigned", 60);
  assert.equal((await fetch(put, { method: "PUT", body: "hi" })).status, 200);
  const get = await client.presignedGetObject(BUCKET, "minio-js/presigned", 60);
  assert.equal(await (await fetch(get)).text(), "hi");
  await assert.rejects(client.getObject(BUCKET, "minio-js/none"), { code: "NoSuchKey" });
  await assert.rejects(client.removeObject("serverlogs-local", "web01/2019-08-01.log"), {
    code: "AccessDenied",
  });
});
