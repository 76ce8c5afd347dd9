/** Answers that first-paint.js asked for before the app's own code was there. Each serves once, while it is fresh. */

interface Early {
  readonly language: string;
  readonly answers: Map<string, Promise<Response>>;
}

const early = (globalThis as { enoguEarly?: Early }).enoguEarly;

/** Sent by POST, and change nothing. */
const QUESTIONS = ["/api/recipe/check", "/api/runs/plan"];

/** As `fetch`; a change that is sent makes whatever was asked before it old. */
export async function fetchWithEarly(request: Request): Promise<Response> {
  if (early === undefined || early.answers.size === 0) return fetch(request);
  const url = new URL(request.url);
  if (request.method !== "GET") {
    if (!QUESTIONS.includes(url.pathname)) early.answers.clear();
    return fetch(request);
  }
  const place = `${url.pathname}${url.search}`;
  const answer = early.answers.get(place);
  early.answers.delete(place);
  if (answer === undefined || request.headers.get("Accept-Language") !== early.language) return fetch(request);
  return answer.catch(() => fetch(request));
}
