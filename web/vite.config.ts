/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

import { mantineStyles } from "./build/mantine-styles.ts";

const STUDIO = process.env.ENOGU_SERVER ?? "http://127.0.0.1:8765";

const GROUPS = [
  { name: "base", test: /\/src\/main\.tsx$/, priority: 40 },
  { name: "dialog", test: /@mantine\/core\/esm\/components\/(Modal|Drawer)\//, priority: 20 },
  { name: "form", test: /@mantine\/core\/esm\/components\/(Select|TextInput|Textarea)\//, priority: 30 },
  { name: "shared", test: /\.[jt]sx?$|\.mjs$|\.css$/, minShareCount: 4, priority: 10 },
];

export default defineConfig({
  plugins: [react(), mantineStyles()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
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
