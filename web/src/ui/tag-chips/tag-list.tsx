/** Tags in a row that wraps. */
import type { ReactNode } from "react";

import classes from "./tag-chips.module.css";

export interface TagListProps {
  readonly label: string;
  readonly children: ReactNode;
}

export function TagList({ label, children }: TagListProps) {
  return (
    <ul className={classes.list} aria-label={label}>
      {children}
    </ul>
  );
}
