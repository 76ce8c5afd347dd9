/**
 * Files that go on where they were cut off: tus (decision 0014), by its own client, which is loaded when it is needed.
 * After a reload the browser has forgotten the file but not the upload: the same file chosen again goes on.
 */
import { queryOptions } from "@tanstack/react-query";
import type { DetailedError, HttpRequest, PreviousUpload } from "tus-js-client";

import { api, headersToChange, unwrap } from "./client";
import { Problem, problemOf } from "./problem";
import type { components } from "./schema";

export type UploadKind = components["schemas"]["UploadShown"]["kind"];

const ENDPOINT = "/api/uploads";
/** A proxy that gathers a request before it passes it on loses no more than this when the line is cut. */
const CHUNK_BYTES = 32 * 2 ** 20;
/** What tus tries by itself; who called is told after that. */
const RETRY_DELAYS_MS = [0, 1000, 3000];
const STORED = "tus::";

export interface Sending {
  /** What the file is for (`dataset:<id>`, `base_models`): the same file may be on its way to two places. */
  readonly target: string;
  /** As the studio shall know it, folders and all; unless given, the file's own name. */
  readonly name?: string;
  readonly onSent: (bytes: number) => void;
  /** Stops it; what was sent stays, and sending the same file again goes on. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends all of `file`; resolves with the upload's id, rejects with a `Problem` (offline when the line was cut). Call
 * `forgetUpload` when it was used.
 */
export async function sendResumable(file: File, kind: UploadKind, sending: Sending): Promise<string> {
  const { Upload } = await import("tus-js-client");
  sending.signal?.throwIfAborted();
  return new Promise<string>((resolve, reject) => {
    const upload = new Upload(file, {
      endpoint: ENDPOINT,
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      removeFingerprintOnSuccess: false, // a page that dies before the upload is used finds it again
      metadata: { filename: sending.name ?? file.name, kind, target: sending.target },
      fingerprint: (one) => Promise.resolve(fingerprintOf(one, kind, sending.target)),
      onBeforeRequest: carryCsrfToken,
      onProgress: (sent) => sending.onSent(sent),
      onSuccess: () => resolve(idOf(upload.url)),
      onError: (error) => reject(problemOfTus(error)),
    });
    sending.signal?.addEventListener("abort", () => {
      void upload.abort();
      reject(new DOMException("", "AbortError"));
    });
    void upload.findPreviousUploads().then(([newest]) => {
      if (sending.signal?.aborted === true) return;
      if (newest !== undefined) upload.resumeFromPreviousUpload(newest);
      upload.start();
    });
  });
}

/** Ids of what this browser remembers for `target`, from before a reload. */
function rememberedUploads(target: string): string[] {
  return storedUploads()
    .map(([, stored]) => stored)
    .filter((stored) => stored.metadata["target"] === target && stored.uploadUrl !== null)
    .map((stored) => idOf(stored.uploadUrl));
}

/** No longer to be gone on with, by any page of this browser. */
export function forgetUpload(id: string): void {
  for (const [key, stored] of storedUploads()) if (idOf(stored.uploadUrl) === id) localStorage.removeItem(key);
}

function storedUploads(): [string, PreviousUpload][] {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(STORED));
  return keys.flatMap((key) => {
    try {
      return [[key, JSON.parse(localStorage.getItem(key) ?? "") as PreviousUpload] as [string, PreviousUpload]];
    } catch {
      return [];
    }
  });
}

function fingerprintOf(file: File, kind: string, target: string): string {
  return ["enogu", target, kind, file.name, file.size, file.lastModified].join("|");
}

function idOf(url: string | null): string {
  return url?.split("/").at(-1) ?? "";
}

function carryCsrfToken(request: HttpRequest): void {
  for (const [name, value] of Object.entries(headersToChange())) request.setHeader(name, value);
}

function problemOfTus(error: Error | DetailedError): Problem {
  const answer = "originalResponse" in error ? error.originalResponse : null;
  if (answer === null) return new Problem(0, { kind: "Offline" });
  try {
    return problemOf(JSON.parse(answer.getBody()), answer.getStatus());
  } catch {
    return problemOf(undefined, answer.getStatus());
  }
}

export type UploadThere = components["schemas"]["UploadShown"];

/** Uploads that this browser began for `target` before it was reloaded, as far as the studio still has them. */
export function unfinishedUploads(target: string) {
  return queryOptions({
    queryKey: ["uploads", target],
    queryFn: async (): Promise<UploadThere[]> => {
      const remembered = new Set(rememberedUploads(target));
      if (remembered.size === 0) return [];
      const there = await unwrap(api.GET("/api/uploads"));
      const ids = new Set(there.map((one) => one.id));
      for (const id of remembered) if (!ids.has(id)) forgetUpload(id);
      return there.filter((one) => remembered.has(one.id));
    },
  });
}

/** Not to be gone on with: the studio throws away what was sent. */
export async function abandonUpload(id: string): Promise<void> {
  forgetUpload(id);
  await unwrap(api.DELETE("/api/uploads/{upload_id}", { params: { path: { upload_id: id } } }));
}
