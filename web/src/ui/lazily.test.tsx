import { act, cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import { lazily } from "./lazily";

afterEach(cleanup);

function Named({ name }: { readonly name: string }) {
  return <b>{name}</b>;
}

it("draws a part that has come already with the rest, and waits for none", async () => {
  const Part = lazily(() => Promise.resolve(Named), <i>…</i>);
  const first = render(<Part name="first" />);
  expect(first.container.innerHTML).toBe("<i>…</i>");
  await act(() => Promise.resolve());
  expect(first.container.textContent).toContain("first");
  const again = render(<Part name="again" />);
  expect(again.container.innerHTML).toBe("<b>again</b>");
});
