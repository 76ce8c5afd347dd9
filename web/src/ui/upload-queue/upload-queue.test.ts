import { describe, expect, it } from "vitest";

import { countUploads, LANES, nextToSend, stepUploads, type Upload, type UploadStep } from "./upload-queue";

const after = (...steps: UploadStep[]) => steps.reduce<readonly Upload[]>(stepUploads, []);
const added: UploadStep = {
  type: "added",
  uploads: ["a", "b", "c", "d"].map((id) => ({ id, name: `${id}.png`, sizeBytes: 100 })),
};

describe("upload queue", () => {
  it("sends three at a time", () => {
    expect(nextToSend(after(added)).map((one) => one.id)).toEqual(["a", "b", "c"]);
    expect(
      nextToSend(after(added, { type: "began", id: "a" }, { type: "began", id: "b" }, { type: "began", id: "c" })),
    ).toEqual([]);
    expect(LANES).toBe(3);
  });
  it("goes on with the rest when one is refused, and keeps the reason readable", () => {
    const uploads = after(added, { type: "began", id: "a" }, { type: "refused", id: "a", reason: "a.png is damaged." });
    expect(nextToSend(uploads).map((one) => one.id)).toEqual(["b", "c", "d"]);
    expect(uploads[0]?.reason).toBe("a.png is damaged.");
  });
  it("tries again what failed on the way, and not what was refused", () => {
    const uploads = after(
      added,
      { type: "failed", id: "a", reason: "cut" },
      { type: "refused", id: "b", reason: "no" },
      { type: "again" },
    );
    expect(uploads.map((one) => one.state)).toEqual(["waiting", "refused", "waiting", "waiting"]);
  });
  it("lets all wait but what is settled, and goes on with what it had", () => {
    const paused = after(added, { type: "done", id: "a" }, { type: "began", id: "b" }, { type: "paused" });
    expect(paused.map((one) => one.state)).toEqual(["done", "paused", "paused", "paused"]);
    expect(stepUploads(paused, { type: "resumed", id: "c" }).map((one) => one.state)).toEqual([
      "done",
      "paused",
      "waiting",
      "paused",
    ]);
  });
  it("counts bytes, and what is settled as sent", () => {
    const uploads = after(
      added,
      { type: "done", id: "a" },
      { type: "refused", id: "b", reason: "no" },
      { type: "sent", id: "c", sentBytes: 50 },
    );
    expect(countUploads(uploads)).toEqual({
      total: 4,
      done: 1,
      refused: 1,
      failed: 0,
      cut: 0,
      paused: 0,
      share: 250 / 400,
    });
    expect(countUploads([]).share).toBe(0);
  });
  it("clears what is settled", () => {
    expect(after(added, { type: "done", id: "a" }, { type: "cleared" }).map((one) => one.id)).toEqual(["b", "c", "d"]);
  });
});
