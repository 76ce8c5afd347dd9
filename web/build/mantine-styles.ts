/** Mantine's styles one component at a time: with each component that is built in come its own rules and no others. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

import type { Plugin } from "vite";

const require = createRequire(import.meta.url);
const STYLES = require.resolve("@mantine/core/styles.css").replace(/\.css$/, "");
/** A component's class names; the styles of the same name lie in another folder of the package. */
const CLASS_NAMES = /\/@mantine\/core\/esm\/.*\/(\w+)\.module\.mjs$/;

/**
 * The rules lie in a cascade layer, so that the app's own win wherever they stand: a component's styles may come later
 * than ours, with the chunk that brings it. In development the whole file is loaded, since packages are bundled before.
 */
export function mantineStyles(): Plugin {
  let isBuilding = false;
  return {
    name: "enogu:mantine-styles",
    enforce: "pre",
    configResolved(config) {
      isBuilding = config.command === "build";
    },
    transform(code, id) {
      if (!isBuilding && id.endsWith("/src/main.tsx"))
        return { code: `import "@mantine/core/styles.layer.css";\n${code}`, map: null };
      const [, name] = CLASS_NAMES.exec(id.split("?")[0] ?? "") ?? [];
      if (!isBuilding || name === undefined) return null;
      const styles = `${STYLES}/${name}.layer.css`;
      if (!existsSync(styles)) throw new Error(`Mantine has no styles for ${name}: ${styles}`);
      return { code: `import ${JSON.stringify(styles)};\n${code}`, map: null, moduleSideEffects: false };
    },
  };
}
