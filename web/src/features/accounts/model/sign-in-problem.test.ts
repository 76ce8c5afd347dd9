import { describe, expect, it } from "vitest";

import { signInProblemIn, withoutSignInProblem } from "./sign-in-problem";

describe("the word that OpenID sends back", () => {
  it("is one of those that are explained, and refused when it is not known", () => {
    expect(signInProblemIn("?sign_in=too_many")).toBe("too_many");
    expect(signInProblemIn("?sign_in=<script>")).toBe("refused");
    expect(signInProblemIn("?a=1")).toBeNull();
  });

  it("is taken out of the address and nothing else is", () => {
    expect(withoutSignInProblem("/", "?sign_in=refused")).toBe("/");
    expect(withoutSignInProblem("/runs/1", "?a=1&sign_in=refused&b=2")).toBe("/runs/1?a=1&b=2");
  });
});
