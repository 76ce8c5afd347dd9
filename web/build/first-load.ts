/** What each page's first load is made of, worked out from the built files: for first-paint.js, and for the budget. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

import type { Plugin, Rolldown } from "vite";

/** What every page asks the studio for when it is opened. */
const ALWAYS = ["/api/me", "/api/stamina"];

/**
 * Answers that a page needs before it can be used, by the route's file; {id} is the address's. They must be spelt as the
 * queries spell them, which tests/browser/test_first_load.py holds: nothing is asked for twice.
 */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  training: ["/api/datasets?limit=100", "/api/datasets/samples"],
  dataset: [
    "/api/datasets/{id}",
    "/api/datasets/{id}/pictures?start=0&limit=1000",
    "/api/recipe/schema",
    "/api/presets",
    "/api/base-models?limit=100",
    "/api/base-models/starter",
  ],
  captions: [
    "/api/datasets/{id}",
    "/api/datasets/{id}/captions?start=0&limit=1000",
    "/api/datasets/{id}/pictures?start=0&limit=1000",
    "/api/datasets/{id}/captions/union",
  ],
  run: ["/api/runs/{id}", "/api/runs/{id}/epochs", "/api/runs/{id}/samples", "/api/loras?run_id={id}&limit=200"],
};
/** Pages that show at once what only they have words for (LATE in src/app/i18n.ts). */
const LATE_TEXTS: Readonly<Record<string, string>> = {
  dataset: "/src/features/runs/options/*.json",
  admin: "/src/features/admin/locales/*.json",
};
const TEMPLATE = new URL("./first-paint.js", import.meta.url);
const ROUTER = new URL("../src/app/router.tsx", import.meta.url);
const LANGUAGES = ["ja", "en"] as const;

interface Page {
  readonly path: string;
  readonly scripts: readonly string[];
  readonly styles: readonly string[];
  readonly texts: Readonly<Record<string, readonly string[]>>;
  readonly answers: readonly string[];
}

export function firstLoad(): Plugin {
  let folder = "";
  return {
    name: "enogu:first-load",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    configureServer(server) {
      server.middlewares.use("/first-paint.js", (_, answer) => {
        answer.setHeader("Content-Type", "text/javascript");
        answer.end(readFileSync(TEMPLATE, "utf8"));
      });
    },
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const pages = pagesOf(bundle);
        const source = readFileSync(TEMPLATE, "utf8").replace(
          "var pages = [];",
          `var pages = ${JSON.stringify(pages)};`,
        );
        // It names files of this very build, so its own name must change with them.
        const hash = createHash("sha256").update(source).digest("hex").slice(0, 8);
        const name = `assets/first-paint-${hash}.js`;
        const html = bundle["index.html"];
        if (html?.type !== "asset") throw new Error("index.html is not among what was built");
        html.source = String(html.source).replace("/first-paint.js", `/${name}`);
        this.emitFile({ type: "asset", fileName: name, source });
        const budget = JSON.stringify(budgetOf(bundle, pages, name), null, 1);
        this.emitFile({ type: "asset", fileName: "first-load.json", source: budget });
      },
    },
    closeBundle: () => packWithBrotli(folder),
  };
}

/** Beside each script and style sheet: the same in Brotli, as small as it gets. */
async function packWithBrotli(folder: string): Promise<void> {
  for (const name of await readdir(join(folder, "assets"))) {
    if (!/\.(js|css)$/.test(name)) continue;
    const path = join(folder, "assets", name);
    const content = await readFile(path);
    const hints = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
    await writeFile(`${path}.br`, await promisify(brotliCompress)(content, { params: hints }));
  }
}

/** Every route of the router, whose file is named where its path is. */
function routes(): { path: string; file: string }[] {
  const source = readFileSync(ROUTER, "utf8");
  const found = [...source.matchAll(/path: "([^"]+)"[^]*?import\("\.\/routes\/([\w-]+)"\)/g)];
  if (found.length < 2) throw new Error("no routes were found in src/app/router.tsx");
  return found.map(([, path = "", file = ""]) => ({ path, file }));
}

function pagesOf(bundle: Rolldown.OutputBundle): Page[] {
  const entry = chunkOf(bundle, (chunk) => chunk.isEntry);
  const texts = (language: string, kind: string) =>
    withImports(
      bundle,
      chunkOf(bundle, (chunk) => named(chunk, kind.replace("*", language))),
    );
  return routes().map(({ path, file }) => {
    const chunks = withImports(
      bundle,
      chunkOf(bundle, (chunk) => named(chunk, `/src/app/routes/${file}.tsx`)),
    );
    const loaded = new Set(withImports(bundle, entry));
    const own = chunks.filter((chunk) => !loaded.has(chunk));
    return {
      path: `^${path.replaceAll(/\$\w+/g, "([^/]+)")}/?$`,
      scripts: own.map((chunk) => chunk.fileName),
      styles: own.flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])]),
      texts: Object.fromEntries(
        LANGUAGES.map((language) => [
          language,
          [
            ...texts(language, "/src/app/texts/*.ts"),
            ...(LATE_TEXTS[file] === undefined ? [] : texts(language, LATE_TEXTS[file])),
          ]
            .filter((chunk) => !loaded.has(chunk))
            .map((chunk) => chunk.fileName),
        ]),
      ),
      answers: [...ALWAYS, ...(ANSWERS[file] ?? [])],
    };
  });
}

/** By path: every file that a first visit loads, but for pictures and answers of the API. */
function budgetOf(bundle: Rolldown.OutputBundle, pages: readonly Page[], firstPaint: string): Record<string, string[]> {
  const base = withImports(
    bundle,
    chunkOf(bundle, (chunk) => chunk.isEntry),
  );
  const files = base.flatMap((chunk) => [chunk.fileName, ...(chunk.viteMetadata?.importedCss ?? [])]);
  const always = ["index.html", firstPaint, "icon.svg", ...files];
  return Object.fromEntries(
    pages.map((page) => [page.path, [...always, ...page.scripts, ...page.styles, ...(page.texts["ja"] ?? [])]]),
  );
}

function chunkOf(bundle: Rolldown.OutputBundle, is: (chunk: Rolldown.OutputChunk) => boolean): Rolldown.OutputChunk {
  const found = Object.values(bundle).find((one) => one.type === "chunk" && is(one));
  if (found?.type !== "chunk") throw new Error(`a chunk is missing that the first load needs: ${is.toString()}`);
  return found;
}

function named(chunk: Rolldown.OutputChunk, end: string): boolean {
  return chunk.facadeModuleId?.endsWith(end) === true;
}

function withImports(bundle: Rolldown.OutputBundle, first: Rolldown.OutputChunk): Rolldown.OutputChunk[] {
  const found = new Set([first]);
  for (const chunk of found)
    for (const name of chunk.imports) {
      const other = bundle[name];
      if (other?.type === "chunk") found.add(other);
    }
  return [...found];
}
