/** Files by drag, by dialog, and by paste; folders too. */
import { Button, FileButton, Group, Text } from "@mantine/core";
import { IconPhotoPlus } from "@tabler/icons-react";
import { type DragEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import classes from "./drop-zone.module.css";
import { droppedFiles } from "./dropped-files";

/** Makes a file dialog one for folders; React has no type for it. */
const FOLDERS = { webkitdirectory: "" } as Record<string, string>;

export interface DropZoneProps {
  readonly title: string;
  readonly text: string;
  readonly accept: string;
  /** Offers to choose a folder too. */
  readonly withFolders?: boolean;
  readonly onFiles: (files: readonly File[]) => void;
}

export function DropZone({ title, text, accept, withFolders = false, onFiles }: DropZoneProps) {
  const { t } = useTranslation("ui");
  const [isOver, setIsOver] = useState(false);
  const resetFiles = useRef<() => void>(null);
  const resetFolder = useRef<() => void>(null);
  /** A dialog's choice; the same file may be chosen again, which browsers take for no change. */
  const handleChosen = (files: File[]) => {
    if (files.length > 0) onFiles(files);
    resetFiles.current?.();
    resetFolder.current?.();
  };
  useEffect(() => {
    const handlePaste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) onFiles(files);
    };
    window.addEventListener("paste", handlePaste);
    return () => window.removeEventListener("paste", handlePaste);
  }, [onFiles]);

  const handleDrop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    void droppedFiles(event.dataTransfer).then((files) => {
      if (files.length > 0) onFiles(files);
    });
  };
  return (
    <div
      className={classes.zone}
      data-over={isOver}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={handleDrop}
    >
      <IconPhotoPlus size={32} stroke={1.2} aria-hidden />
      <Text fw={600}>{title}</Text>
      <Text size="sm">{text}</Text>
      <Group gap="xs" justify="center">
        <FileButton multiple accept={accept} resetRef={resetFiles} onChange={handleChosen}>
          {(props) => (
            <Button {...props} variant="default">
              {t("drop.choose")}
            </Button>
          )}
        </FileButton>
        {withFolders && (
          <FileButton multiple inputProps={FOLDERS} resetRef={resetFolder} onChange={handleChosen}>
            {(props) => (
              <Button {...props} variant="default">
                {t("drop.chooseFolder")}
              </Button>
            )}
          </FileButton>
        )}
      </Group>
    </div>
  );
}
