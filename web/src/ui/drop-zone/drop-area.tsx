/** Anything that also takes a file: dropped anywhere on it, or pasted; it says so while a file hangs over it. */
import { type DragEvent, type ReactNode, useEffect, useRef, useState } from "react";

import classes from "./drop-zone.module.css";

export interface DropAreaProps {
  /** Shown while a file hangs over it. */
  readonly text: string;
  readonly onFile: (file: File) => void;
  readonly children: ReactNode;
  readonly className?: string | undefined;
}

export function DropArea({ text, onFile, children, className = "" }: DropAreaProps) {
  const [isOver, setIsOver] = useState(false);
  const current = useRef(onFile);
  useEffect(() => {
    current.current = onFile;
  });
  useEffect(() => {
    const handlePaste = (event: ClipboardEvent) => {
      const file = event.clipboardData?.files[0];
      if (file === undefined) return;
      event.preventDefault();
      current.current(file);
    };
    window.addEventListener("paste", handlePaste);
    return () => window.removeEventListener("paste", handlePaste);
  }, []);

  const holdsFiles = (event: DragEvent) => event.dataTransfer.types.includes("Files");
  const handleDrop = (event: DragEvent) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    setIsOver(false);
    const file = event.dataTransfer.files[0];
    if (file !== undefined) onFile(file);
  };
  return (
    <div
      className={`${classes.area} ${className}`}
      onDragOver={(event) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setIsOver(false);
      }}
      onDrop={handleDrop}
    >
      {children}
      {isOver && (
        <div className={classes.cover} aria-hidden>
          {text}
        </div>
      )}
    </div>
  );
}
