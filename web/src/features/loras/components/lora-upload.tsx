/** LoRA files from elsewhere: dropped, checked by the studio, refused with the reason (H5). */
import { Stack } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { DropZone } from "@/ui/drop-zone/drop-zone";
import { UploadPanel } from "@/ui/upload-queue/upload-panel";

import { loraLine, loraParcels } from "../sending";

export function LoraUpload() {
  const { t } = useTranslation("loras");
  const line = loraLine(useQueryClient());
  return (
    <Stack gap="sm">
      <DropZone
        title={t("upload.title")}
        text={t("upload.text")}
        accept=".safetensors"
        onFiles={(files) => line.add(loraParcels(files))}
      />
      <UploadPanel line={line} />
    </Stack>
  );
}
