/**
 * What a dialog does to the page behind it: that stays still, and gets the focus back. In place of react-remove-scroll,
 * which Mantine's dialogs ask for (vite.config.ts): that puts a style sheet into the page and takes it out, and a
 * variable on body that everything inherits, so that the browser works out the style of every element, twice a dialog.
 */
import { type ReactNode, useLayoutEffect } from "react";

let numHolding = 0;

export interface RemoveScrollProps {
  readonly enabled?: boolean;
  readonly children: ReactNode;
}

export function RemoveScroll({ enabled = true, children }: RemoveScrollProps) {
  useLayoutEffect(() => {
    if (!enabled) return undefined;
    const letGo = holdPage();
    const giveBack = keepFocus();
    return () => {
      letGo();
      giveBack();
    };
  }, [enabled]);
  return children;
}

/** Mantine's header wears one; here the scroll bar keeps its place, so that nothing has to move. */
RemoveScroll.classNames = { fullWidth: "", zeroRight: "" };

/** The page scrolls again when everyone who held it has let go. */
function holdPage(): () => void {
  const { style, clientWidth } = document.documentElement;
  numHolding += 1;
  if (numHolding === 1) {
    if (window.innerWidth > clientWidth) style.scrollbarGutter = "stable";
    style.overflow = "hidden";
  }
  return () => {
    numHolding -= 1;
    if (numHolding > 0) return;
    style.overflow = "";
    style.scrollbarGutter = "";
  };
}

/** Mantine gives it back where a dialog is closed, but not where it is taken out of the page, as most of ours are. */
function keepFocus(): () => void {
  const before = document.activeElement;
  return () =>
    void setTimeout(() => {
      const isNowhere = document.activeElement === null || document.activeElement === document.body;
      if (isNowhere && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    });
}
