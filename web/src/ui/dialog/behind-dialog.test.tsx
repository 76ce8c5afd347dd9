import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import { RemoveScroll } from "./behind-dialog";

const root = document.documentElement;

afterEach(cleanup);

it("holds the page until the last of two dialogs is closed, in whichever order", () => {
  const first = render(<RemoveScroll>{null}</RemoveScroll>);
  const second = render(<RemoveScroll>{null}</RemoveScroll>);
  expect(root.style.overflow).toBe("hidden");
  first.unmount();
  expect(root.style.overflow).toBe("hidden");
  second.unmount();
  expect(root.style.overflow).toBe("");
});

it("lets go of the page when a dialog that stays in the tree is closed", () => {
  const { rerender } = render(<RemoveScroll enabled>{null}</RemoveScroll>);
  expect(root.style.overflow).toBe("hidden");
  rerender(<RemoveScroll enabled={false}>{null}</RemoveScroll>);
  expect(root.style.overflow).toBe("");
});

it("gives the focus back to what had it, unless somebody else took it meanwhile", async () => {
  const page = render(
    <>
      <button id="opener" />
      <button id="other" />
    </>,
  );
  const [opener, other] = page.container.querySelectorAll("button");
  const after = async (took: HTMLElement | undefined) => {
    opener?.focus();
    const dialog = render(
      <RemoveScroll>
        <input />
      </RemoveScroll>,
    );
    dialog.container.querySelector("input")?.focus();
    dialog.unmount();
    took?.focus();
    await new Promise((resolve) => setTimeout(resolve, 1));
    return document.activeElement;
  };
  expect(await after(undefined)).toBe(opener);
  expect(await after(other)).toBe(other);
});
