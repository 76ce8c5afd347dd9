import { describe, expect, it } from "vitest";

import { formatBytes, formatDuration, formatMemory, formatSmall } from "./format";

describe("format", () => {
  it("writes durations with their two largest units, by language", () => {
    expect(formatDuration(7500, "en")).toBe("2 hr 5 min");
    expect(formatDuration(8, "ja")).toBe("8 秒");
    expect(formatDuration(3600, "en")).toBe("1 hr");
    expect(formatDuration(0, "en")).toBe("0 sec");
  });
  it("writes learning rates and losses with the digits that matter", () => {
    expect(formatSmall(0.0001, "en")).toBe("1e-4");
    expect(formatSmall(0.123456, "en")).toBe("0.1235");
    expect(formatSmall(0, "en")).toBe("0");
  });
  it("writes sizes in decimal units", () => {
    expect(formatBytes(1_500_000, "en")).toBe("1.5 MB");
    expect(formatBytes(0, "en")).toBe("0 byte");
  });
  it("writes memory as graphics cards are sold", () => {
    expect(formatMemory(12 * 2 ** 30, "en")).toBe("12 GB");
    expect(formatMemory(0.72 * 2 ** 30, "ja")).toBe("0.72 GB");
  });
});
