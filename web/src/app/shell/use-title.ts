/** The browser tab's title, and what a screen reader hears when a page opens. */
import { useEffect } from "react";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "Enogu" : `${title} · Enogu`;
  }, [title]);
}
