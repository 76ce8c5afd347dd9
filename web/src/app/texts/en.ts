/** Every English text; a chunk of its own, which comes when its language is shown. */
import { byNamespace } from "./by-namespace";

export const texts = byNamespace(
  import.meta.glob<Record<string, string>>(
    ["../../features/*/locales/en.json", "../../ui/locales/en.json", "../locales/en.json"],
    { eager: true, import: "default" },
  ),
);
