import { expect, test } from "vitest";

import { problemOfFile } from "./check-file";

const safetensors = (length: bigint, rest = '{"a":1}  ') => {
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, length, true);
  return [size, rest];
};

test("a file that the studio would refuse is known by its name and first bytes", async () => {
  const known = (name: string, parts: BlobPart[]) => problemOfFile(new File(parts, name));
  expect(await known("pony.safetensors", safetensors(9n))).toBeNull();
  expect(await known("pony.ckpt", ["x"])).toBe("pickle");
  expect(await known("pony.png", ["x"])).toBe("notWeights");
  expect(await known("cut.safetensors", safetensors(900n))).toBe("damaged");
  expect(await known("page.safetensors", ["<!doctype html>"])).toBe("damaged");
  expect(await known("short.safetensors", ["x"])).toBe("damaged");
  expect(await known("folder.zip", ["PK\u0003\u0004rest"])).toBeNull();
  expect(await known("folder.zip", ["Rar!"])).toBe("damaged");
});
