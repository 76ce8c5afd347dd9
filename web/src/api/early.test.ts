import { afterEach, expect, test, vi } from "vitest";

afterEach(() => vi.unstubAllGlobals());

const HOME = "http://studio.test/api";
const get = (path: string) => new Request(`${HOME}${path}`, { headers: { "Accept-Language": "ja" } });
const post = (path: string) => new Request(`${HOME}${path}`, { method: "POST", body: "{}" });

/** A page that asked for its presets before its code came; what is asked after that is answered "late". */
async function opened() {
  const answers = new Map([["/api/presets", Promise.resolve(new Response("early"))]]);
  vi.stubGlobal("enoguEarly", { language: "ja", answers });
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("late")));
  vi.resetModules();
  const { fetchWithEarly } = await import("./early");
  return async (request: Request) => (await fetchWithEarly(request)).text();
}

test("an answer that came early serves once", async () => {
  const ask = await opened();
  expect(await ask(get("/presets"))).toBe("early");
  expect(await ask(get("/presets"))).toBe("late");
});

test("an answer in another language is asked for again", async () => {
  const ask = await opened();
  expect(await ask(new Request(`${HOME}/presets`, { headers: { "Accept-Language": "en" } }))).toBe("late");
});

test("a change makes what was asked before it old", async () => {
  const ask = await opened();
  await ask(post("/presets"));
  expect(await ask(get("/presets"))).toBe("late");
});

test.each(["/recipe/check", "/runs/plan"])("%s is a question: what was asked before it still serves", async (path) => {
  const ask = await opened();
  expect(await ask(post(path))).toBe("late");
  expect(await ask(get("/presets"))).toBe("early");
});
