import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Problem } from "@/api/problem";

import { type Parcel, type SendParcel, UploadLine } from "./upload-line";

const parcel = (name: string): Parcel => ({ name, sizeBytes: 10, files: [] });
const states = (line: UploadLine) => line.snapshot().map((one) => one.state);
const settle = () => vi.advanceTimersByTimeAsync(0);

describe("upload line", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("waits while the line is cut, and goes on by itself until all is there, each file once", async () => {
    const sent: string[] = [];
    let isCut = true;
    const line = new UploadLine(({ name }) => {
      if (isCut) return Promise.reject(new Problem(0, { kind: "Offline" }));
      sent.push(name);
      return Promise.resolve({});
    });
    line.add(["a", "b", "c", "d"].map(parcel));
    await settle();
    expect(states(line)).toEqual(["cut", "cut", "cut", "cut"]);
    await vi.advanceTimersByTimeAsync(10_000);
    isCut = false;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(states(line)).toEqual(["done", "done", "done", "done"]);
    expect(sent.sort()).toEqual(["a", "b", "c", "d"]);
  });
  it("goes on at once when the browser says that the line is back", async () => {
    let isCut = true;
    const line = new UploadLine(() => (isCut ? Promise.reject(new Problem(0, {})) : Promise.resolve({})));
    line.add([parcel("a")]);
    await settle();
    isCut = false;
    window.dispatchEvent(new Event("online"));
    await settle();
    expect(states(line)).toEqual(["done"]);
  });
  it("stops what is paused, and sends it again when it goes on, also when that is at once", async () => {
    const send = vi.fn<SendParcel>(
      (_, { signal }) =>
        new Promise((resolve, reject) => {
          signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
          setTimeout(() => resolve({}), 100);
        }),
    );
    const line = new UploadLine(send);
    line.add([parcel("a")]);
    line.pause();
    line.resume();
    await settle();
    expect(send).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(100);
    expect(states(line)).toEqual(["done"]);
  });
  it("keeps a refusal with its reason, and lets a server's fault be tried again", async () => {
    let status = 422;
    const line = new UploadLine(() =>
      Promise.reject(new Problem(status, { detail: "It is damaged.", cure: "Save it again." })),
    );
    line.add([parcel("a")]);
    await settle();
    expect(line.snapshot()[0]).toMatchObject({ state: "refused", reason: "It is damaged. Save it again." });
    status = 500;
    line.add([parcel("b")]);
    await settle();
    expect(states(line)).toEqual(["refused", "failed"]);
    line.again();
    expect(states(line)).toEqual(["refused", "sending"]);
  });
  it("forgets what is dropped", async () => {
    const line = new UploadLine(
      (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", reject)),
    );
    line.add([parcel("a")]);
    line.drop(line.snapshot()[0]?.id ?? "");
    await settle();
    expect(line.snapshot()).toEqual([]);
  });
});
