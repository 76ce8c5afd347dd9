/** Runs a queue of uploads: hand it files and how one is sent. */
import { useEffect, useReducer, useRef } from "react";

import { problemOf } from "@/api/problem";

import { nextToSend, stepUploads, type Upload } from "./upload-queue";

/** Sends one file; resolves with the reason when the studio refused it, rejects when the line was cut. */
export type SendFile = (
  file: File,
  onSent: (bytes: number) => void,
) => Promise<{ readonly refused?: string } | undefined>;

export interface UploadQueue {
  readonly uploads: readonly Upload[];
  readonly add: (files: readonly File[]) => void;
  readonly again: () => void;
  readonly clear: () => void;
  readonly isBusy: boolean;
}

export function useUploadQueue(send: SendFile): UploadQueue {
  const [uploads, dispatch] = useReducer(stepUploads, []);
  const files = useRef(new Map<string, File>());
  const sending = useRef(new Set<string>());

  useEffect(() => {
    for (const upload of nextToSend(uploads)) {
      const file = files.current.get(upload.id);
      if (file === undefined || sending.current.has(upload.id)) continue;
      sending.current.add(upload.id);
      dispatch({ type: "began", id: upload.id });
      send(file, (sentBytes) => dispatch({ type: "sent", id: upload.id, sentBytes }))
        .then((answer) => {
          if (answer?.refused === undefined) dispatch({ type: "done", id: upload.id });
          else dispatch({ type: "refused", id: upload.id, reason: answer.refused });
        })
        .catch((error: unknown) => {
          const problem = problemOf(error);
          const isRefusal = problem.status >= 400 && problem.status < 500;
          dispatch({
            type: isRefusal ? "refused" : "failed",
            id: upload.id,
            reason: `${problem.message} ${problem.cure}`.trim(),
          });
        })
        .finally(() => sending.current.delete(upload.id));
    }
  }, [uploads, send]);

  const isBusy = uploads.some((one) => one.state === "waiting" || one.state === "sending");
  useEffect(() => {
    if (!isBusy) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isBusy]);

  const add = (added: readonly File[]) => {
    const named = added.map((file) => ({ id: crypto.randomUUID(), name: file.name, sizeBytes: file.size }));
    named.forEach((one, place) => {
      const file = added[place];
      if (file !== undefined) files.current.set(one.id, file);
    });
    dispatch({ type: "added", uploads: named });
  };
  return { uploads, add, again: () => dispatch({ type: "again" }), clear: () => dispatch({ type: "cleared" }), isBusy };
}
