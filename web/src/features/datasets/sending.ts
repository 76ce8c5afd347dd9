/** Pictures, captions and zips on their way into a dataset (D1, D2, decision 0023). */
import type { QueryClient } from "@tanstack/react-query";
import i18next from "i18next";

import { api, sendForm, unwrap } from "@/api/client";
import { forgetUpload, sendResumable } from "@/api/resumable";
import { pathOf } from "@/ui/drop-zone/dropped-files";
import { type Parcel, type SendParcel, type Sent, UploadLine, uploadLine } from "@/ui/upload-queue/upload-line";

import { filesTogether, goesByTus, isZip } from "./model/parcels";
import { datasetQueries, type ImportReport, type Task } from "./queries";

const REFRESH_MS = 1000;
const POLL_MS = 700;

export function targetOf(datasetId: string): string {
  return `dataset:${datasetId}`;
}

/** The queue of uploads into this dataset; it goes on while other pages are open. */
export function datasetLine(client: QueryClient, datasetId: string): UploadLine {
  const refresh = refresher(client, datasetId);
  return uploadLine(targetOf(datasetId), async (parcel, sending) => {
    const sent = goesByTus(parcel)
      ? await sendByTus(client, datasetId, parcel, sending)
      : await sendAtOnce(datasetId, parcel, sending);
    refresh();
    return sent;
  });
}

export function parcelsOf(files: readonly File[]): Parcel[] {
  return filesTogether(files.map((file) => ({ file, path: pathOf(file) })));
}

/** One request. Sent again after a cut it changes nothing: the studio knows the same bytes again. */
async function sendAtOnce(
  datasetId: string,
  parcel: Parcel,
  { onSent, signal }: Parameters<SendParcel>[1],
): Promise<Sent> {
  const form = new FormData();
  for (const { file, path } of parcel.files) form.append("files", file, path);
  const url = `/api/datasets/${datasetId}/pictures`;
  const report = await sendForm<ImportReport>(url, form, (share) => onSent(share * parcel.sizeBytes), signal);
  return sentOf(report);
}

function sentOf(report: ImportReport): Sent {
  const refused = report.refused.map((one) => `${one.message} ${one.cure}`.trim()).join(" ");
  const notes = [...report.notes, ...report.added.map((one) => one.note)].filter((note) => note !== "").join(" ");
  if (refused !== "") return { refused };
  if (report.added.length === 0 && report.num_captions === 0 && report.num_masks === 0)
    return { refused: notes === "" ? i18next.t("datasets:sent.nothing") : notes };
  return notes === "" ? {} : { note: notes };
}

async function sendByTus(
  client: QueryClient,
  datasetId: string,
  parcel: Parcel,
  { onSent, signal }: Parameters<SendParcel>[1],
): Promise<Sent> {
  const ids: string[] = [];
  let before = 0;
  for (const { file, path } of parcel.files) {
    const offset = before;
    const kind = isZip(path) ? "zip" : parcel.files[0]?.file === file ? "picture" : "caption";
    const sending = {
      target: targetOf(datasetId),
      name: path,
      onSent: (bytes: number) => onSent(offset + bytes),
      signal,
    };
    ids.push(await sendResumable(file, kind, sending));
    before += file.size;
  }
  return importUploads(client, datasetId, ids);
}

/** Let the studio take finished uploads, and wait for what came of it. */
export async function importUploads(client: QueryClient, datasetId: string, ids: readonly string[]): Promise<Sent> {
  const at = { params: { path: { dataset_id: datasetId } } };
  let task: Task = await unwrap(
    api.POST("/api/datasets/{dataset_id}/imports", { ...at, body: { upload_ids: [...ids] } }),
  );
  for (const id of ids) forgetUpload(id);
  void client.invalidateQueries({ queryKey: datasetQueries.tasks(datasetId).queryKey });
  const path = { dataset_id: datasetId, job_id: task.id };
  while (task.state === "waiting" || task.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    try {
      task = await unwrap(api.GET("/api/datasets/{dataset_id}/tasks/{job_id}", { params: { path } }));
    } catch {
      // The line is cut; the studio goes on by itself.
    }
  }
  const refused = task.refused.map((one) =>
    `${one["name"] ?? ""}: ${one["message"] ?? ""} ${one["cure"] ?? ""}`.trim(),
  );
  if (task.state !== "done" || task.num_new === 0)
    return {
      refused: [task.reason, ...refused].filter((part) => part !== "").join(" ") || i18next.t("datasets:sent.nothing"),
    };
  return { note: [i18next.t("datasets:sent.new", { count: task.num_new }), ...refused].join(" ") };
}

const refreshers = new Map<string, () => void>();

/** A thousand small pictures refresh the page once a second, not a thousand times. */
function refresher(client: QueryClient, datasetId: string): () => void {
  let refresh = refreshers.get(datasetId);
  if (refresh === undefined) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    refresh = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void client.invalidateQueries({ queryKey: ["datasets", datasetId] });
      }, REFRESH_MS);
    };
    refreshers.set(datasetId, refresh);
  }
  return refresh;
}
