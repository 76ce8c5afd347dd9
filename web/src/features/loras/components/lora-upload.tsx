/** LoRA files from elsewhere: dropped, checked by the studio, refused with the reason (H5). */
import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { DropZone } from "@/ui/drop-zone/drop-zone";
import { UploadPanel } from "@/ui/upload-queue/upload-panel";
import { useUploadQueue } from "@/ui/upload-queue/use-upload-queue";

import { useUploadLora } from "../queries";

export function LoraUpload() {
  const { t } = useTranslation("loras");
  const queue = useUploadQueue(useUploadLora());
  return (
    <Stack gap="sm">
      <DropZone title={t("upload.title")} text={t("upload.text")} accept=".safetensors" onFiles={queue.add} />
      <UploadPanel uploads={queue.uploads} onAgain={queue.again} onClear={queue.clear} />
    </Stack>
  );
}
