/** Base models on their way into the studio (C3): checked before, sent by tus, registered when all is there. */
import type { QueryClient } from "@tanstack/react-query";
import i18next from "i18next";

import { api, unwrap } from "@/api/client";
import { problemOf } from "@/api/problem";
import { abandonUpload, forgetUpload, sendResumable } from "@/api/resumable";
import { type Sent, UploadLine, uploadLine } from "@/ui/upload-queue/upload-line";

import { problemOfFile } from "./model/check-file";
import type { BaseModel } from "./queries";

export const TARGET = "base_models";
const MOST_NAMES = 20;
const PROBLEMS = {
  pickle: "base_models:file.pickle",
  notWeights: "base_models:file.notWeights",
  damaged: "base_models:file.damaged",
} as const;

export function baseModelLine(client: QueryClient): UploadLine {
  return uploadLine(TARGET, async (parcel, sending) => {
    const file = parcel.files[0]?.file;
    if (file === undefined) return {};
    const problem = await problemOfFile(file);
    if (problem !== null) return { refused: i18next.t(PROBLEMS[problem]) };
    const id = await sendResumable(file, "base_model", { target: TARGET, ...sending });
    return registerUpload(client, id, file.name);
  });
}

/** A finished upload becomes a base model. One whose name is taken gets a number: nobody sends gigabytes twice. */
export async function registerUpload(client: QueryClient, uploadId: string, fileName: string): Promise<Sent> {
  const stem = fileName.replace(/\.(safetensors|zip)$/i, "");
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? "" : `${stem} ${number}`;
    try {
      const model = await unwrap(api.POST("/api/base-models", { body: { upload_id: uploadId, name } }));
      forgetUpload(uploadId);
      void client.invalidateQueries({ queryKey: ["base_models"] });
      return { note: noteOn(model, number) };
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind === "BaseModelNameTaken" && number < MOST_NAMES) continue;
      if (problem.isOffline || problem.status >= 500) throw error;
      // What is no base model is not kept, or it would count among what is on its way.
      await abandonUpload(uploadId).catch(() => undefined);
      return { refused: `${problem.message} ${problem.cure}`.trim() };
    }
  }
}

function noteOn(model: BaseModel, number: number): string {
  const t = i18next.t;
  const parts = [
    number > 1
      ? t("base_models:file.renamed", { name: model.name })
      : t("base_models:file.registered", { name: model.name }),
  ];
  if (model.state === "importing") parts.push(t("base_models:file.unpacking"));
  else if (!model.can_train) parts.push(model.why_not);
  return parts.join(" ");
}
