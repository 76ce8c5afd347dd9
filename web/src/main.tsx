/** Where the app begins. */
import "@mantine/core/styles/baseline.layer.css";
import "@mantine/core/styles/global.layer.css";
import "./theme/global.css";

import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { firstData } from "./app/first-data";
import { startTexts } from "./app/i18n";
import { Providers } from "./app/providers";
import { router } from "./app/router";

// No await at the top: chunks that import from this one would wait for it, and the texts are such chunks.
async function start(root: HTMLElement): Promise<void> {
  const asked = new URLSearchParams(location.search).get("lng");
  await startTexts(asked === "cimode" || asked === "ja" || asked === "en" ? asked : undefined);
  await firstData();
  createRoot(root).render(
    <StrictMode>
      <Providers>
        <RouterProvider router={router} />
      </Providers>
    </StrictMode>,
  );
}

const root = document.getElementById("root");
if (root !== null) void start(root);
