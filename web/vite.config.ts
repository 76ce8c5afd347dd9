/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

import { firstLoad } from "./build/first-load.ts";
import { mantineStyles } from "./build/mantine-styles.ts";

const STUDIO = process.env.ENOGU_SERVER ?? "http://127.0.0.1:8765";

/**
 * Few chunks, so that a page is not forty requests: what every page starts with; inputs; menus; dialogs; then what several
 * pages share. Each takes along what it imports, unless a chunk named before has it. tests/architecture/test_first_load.py
 * holds what a page may weigh.
 */
const GROUPS = [
  { name: "base", test: /\/src\/main\.tsx$|\/by-namespace\.ts$/, priority: 50 },
  {
    name: "form",
    test: /@mantine\/core\/esm\/components\/(Select|TextInput|Textarea|Paper)\/|use-window-event\.mjs$|(create-scoped-keydown-handler|get-context-item-index|find-element-ancestor)\.mjs$/,
    priority: 40,
  },
  { name: "menu", test: /@mantine\/core\/esm\/components\/Menu\//, priority: 35 },
  { name: "dialog", test: /@mantine\/core\/esm\/components\/(Modal|Drawer)\//, priority: 30 },
  { name: "shared", test: /node_modules/, minShareCount: 4, priority: 20 },
  { name: "parts", test: /\/src\//, minShareCount: 3, priority: 10 },
];

const source = (path: string) => new URL(`./src/${path}`, import.meta.url).pathname;

export default defineConfig({
  plugins: [react(), mantineStyles(), firstLoad()],
  resolve: { alias: { "@": source("."), "react-remove-scroll": source("ui/dialog/behind-dialog.tsx") } },
  // Files with a hash in their name may be cached for ever; the server does that for /assets/.
  build: {
    outDir: "../src/enogu/web_app",
    emptyOutDir: true,
    assetsInlineLimit: 0, // data: URLs would need a laxer Content-Security-Policy
    chunkSizeWarningLimit: 600,
    sourcemap: false,
    rolldownOptions: { output: { codeSplitting: { groups: GROUPS } } },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: STUDIO, changeOrigin: true }, "/health": STUDIO },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/testing/setup.ts"],
    restoreMocks: true,
  },
});
