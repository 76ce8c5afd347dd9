import { describe, expect, it } from "vitest";

import { deviceOf } from "./device";

describe("the device of a User-Agent", () => {
  it("is told by browser and system", () => {
    const chrome =
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36";
    expect(deviceOf(chrome)).toEqual({ browser: "Chrome", system: "Windows" });
    expect(deviceOf(`${chrome} Edg/142.0`)).toEqual({ browser: "Edge", system: "Windows" });
    const phone =
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605 Version/18.1 Mobile/15E148 Safari/604.1";
    expect(deviceOf(phone)).toEqual({ browser: "Safari", system: "iPhone" });
    expect(deviceOf("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0")).toEqual({
      browser: "Firefox",
      system: "Linux",
    });
  });

  it("is unknown rather than guessed", () => {
    expect(deviceOf("curl/8.5")).toBeNull();
    expect(deviceOf("")).toBeNull();
  });
});
