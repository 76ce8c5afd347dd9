/** Every Japanese text but those of few pages (i18n.ts); a chunk of its own, which comes when its language is shown. */
import { byNamespace } from "./by-namespace";

export const texts = byNamespace(
  import.meta.glob<Record<string, string>>(
    [
      "../../features/*/locales/ja.json",
      "!../../features/admin/locales/ja.json",
      "../../ui/locales/ja.json",
      "../locales/ja.json",
    ],
    { eager: true, import: "default" },
  ),
);
