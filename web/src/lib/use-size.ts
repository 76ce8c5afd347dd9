/** How large an element is, known before it is painted for the first time: what depends on it does not jump. */
import { type RefObject, useLayoutEffect, useRef, useState } from "react";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Of its content, in CSS pixels; 0 before the element is there. Mantine's useElementSize tells it a frame later. */
export function useSize<Element extends HTMLElement>(): Size & { readonly ref: RefObject<Element | null> } {
  const ref = useRef<Element>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const take = ({ width, height }: Size) =>
      setSize((before) => (before.width === width && before.height === height ? before : { width, height }));
    take(contentOf(element));
    const observer = new ResizeObserver((entries) => {
      const last = entries.at(-1);
      if (last !== undefined) take(last.contentRect);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, ...size };
}

function contentOf(element: HTMLElement): Size {
  const style = getComputedStyle(element);
  const sum = (...names: string[]) =>
    names.reduce((total, name) => total + (Number.parseFloat(style.getPropertyValue(name)) || 0), 0);
  const box = element.getBoundingClientRect();
  return {
    width: box.width - sum("padding-left", "padding-right", "border-left-width", "border-right-width"),
    height: box.height - sum("padding-top", "padding-bottom", "border-top-width", "border-bottom-width"),
  };
}
