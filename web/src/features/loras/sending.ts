/** LoRA files on their way into the library (H3, decision 0023). */
import type { QueryClient } from "@tanstack/react-query";

import { api, unwrap } from "@/api/client";
import { forgetUpload, sendResumable } from "@/api/resumable";
import { type Parcel, type UploadLine, uploadLine } from "@/ui/upload-queue/upload-line";

const TARGET = "loras";

/** The queue of uploads into the library; it goes on while other pages are open. */
export function loraLine(client: QueryClient): UploadLine {
  return uploadLine(TARGET, async (parcel, sending) => {
    for (const { file } of parcel.files) {
      const upload_id = await sendResumable(file, "lora", { target: TARGET, ...sending });
      await unwrap(api.POST("/api/loras", { body: { upload_id } }));
      forgetUpload(upload_id);
    }
    await client.invalidateQueries({ queryKey: ["loras"] });
    return undefined;
  });
}

export function loraParcels(files: readonly File[]): Parcel[] {
  return files.map((file) => ({ name: file.name, sizeBytes: file.size, files: [{ file, path: file.name }] }));
}
