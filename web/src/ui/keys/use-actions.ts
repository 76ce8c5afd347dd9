/** Lets the keys of a page's actions work while it is shown. */
import { useEffect, useRef } from "react";

import { type Action, actionFor } from "./actions";

export function useActions(actions: readonly Action[]): void {
  const current = useRef(actions);
  useEffect(() => {
    current.current = actions;
  });
  useEffect(() => {
    const handlePress = (event: KeyboardEvent) => {
      const action = actionFor(event, current.current);
      if (action === undefined || event.defaultPrevented) return;
      event.preventDefault();
      action.perform();
    };
    window.addEventListener("keydown", handlePress);
    return () => window.removeEventListener("keydown", handlePress);
  }, []);
}
