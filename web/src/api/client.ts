/** Every request of the app: typed by the server's own OpenAPI file, with language, CSRF token, errors as `Problem`. */
import createClient, { type Middleware } from "openapi-fetch";

import { fetchWithEarly } from "./early";
import { Problem, problemOf } from "./problem";
import type { paths } from "./schema";

let csrfToken: string | null = null;

/** What `GET /api/me` told; every request that changes something sends it back. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** The page's language: what the server says (errors, notes, reasons) comes in it. */
export function pageLanguage(): string {
  return document.documentElement.lang || navigator.language;
}

const carryLanguageAndToken: Middleware = {
  onRequest({ request }) {
    request.headers.set("Accept-Language", pageLanguage());
    if (csrfToken !== null && !["GET", "HEAD"].includes(request.method)) request.headers.set("X-CSRF-Token", csrfToken);
    return request;
  },
};

export const api = createClient<paths>({ baseUrl: "/", fetch: fetchWithEarly });
api.use(carryLanguageAndToken);

interface Answer<Data> {
  readonly data?: Data;
  readonly error?: unknown;
  readonly response: Response;
}

/** The answer's data, or a `Problem` thrown. */
export async function unwrap<Data>(request: Promise<Answer<Data>>): Promise<Data> {
  let answer: Answer<Data>;
  try {
    answer = await request;
  } catch {
    throw new Problem(0, { kind: "Offline" });
  }
  if (!answer.response.ok) throw problemOf(answer.error, answer.response.status);
  return answer.data as Data;
}

/** Headers for what is not sent through `api`: uploads and forms with files. */
export function headersToChange(): Record<string, string> {
  const language = { "Accept-Language": pageLanguage() };
  return csrfToken === null ? language : { ...language, "X-CSRF-Token": csrfToken };
}

/** A form with files, with the upload's progress (which `fetch` cannot tell). */
export function sendForm<Data>(
  url: string,
  form: FormData,
  onProgress?: (share: number) => void,
  signal?: AbortSignal,
): Promise<Data> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    for (const [name, value] of Object.entries(headersToChange())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress?.(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response as Data);
      else reject(problemOf(request.response, request.status));
    };
    request.onerror = () => reject(new Problem(0, { kind: "Offline" }));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
