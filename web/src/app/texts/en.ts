/** Every English text but those of few pages (i18n.ts); a chunk of its own, which comes when its language is shown. */
import { byNamespace } from "./by-namespace";

export const texts = byNamespace(
  import.meta.glob<Record<string, string>>(
    [
      "../../features/*/locales/en.json",
      "!../../features/admin/locales/en.json",
      "../../ui/locales/en.json",
      "../locales/en.json",
    ],
    { eager: true, import: "default" },
  ),
);
