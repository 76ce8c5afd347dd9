import { act, render } from "@testing-library/react";
import { memo, useState } from "react";
import { expect, it } from "vitest";

import { useSteady } from "./use-steady";

it("gives one function for good, which does what the last drawing's did", () => {
  let numDrawn = 0;
  const seen: number[] = [];
  let setNumber: (number: number) => void = () => undefined;
  let press: () => void = () => undefined;
  const Part = memo(function Part({ onPress }: { readonly onPress: () => void }) {
    numDrawn += 1;
    press = onPress;
    return null;
  });
  function Whole() {
    const [number, set] = useState(1);
    setNumber = set;
    return <Part onPress={useSteady(() => seen.push(number))} />;
  }
  render(<Whole />);
  press();
  act(() => setNumber(2));
  press();
  expect(seen).toEqual([1, 2]);
  expect(numDrawn).toBe(1);
});
