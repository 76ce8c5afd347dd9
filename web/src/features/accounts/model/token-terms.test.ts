import { expect, it } from "vitest";

import { expiryAfter } from "./token-terms";

it("ends a key after its days, or never", () => {
  expect(expiryAfter(7, new Date("2026-11-25T12:00:00Z"))).toBe("2026-12-02T12:00:00.000Z");
  expect(expiryAfter(0, new Date())).toBeNull();
});
