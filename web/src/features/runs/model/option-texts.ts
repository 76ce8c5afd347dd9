/** Words of the recipe's options by their path; English sentences are the server's own. */
import { useTranslation } from "react-i18next";

import type { components } from "@/api/schema";
import type { OptionTexts } from "@/ui/option-form/option-form";

/** They come with the first page that shows an option, in the language that is shown. */
export function useOptionTexts(fields: readonly components["schemas"]["FieldShown"][] = []): OptionTexts {
  const { i18n } = useTranslation("options");
  const language = i18n.language;
  // i18next's language that shows keys, so that a test can see what is no key.
  if (language === "cimode")
    return {
      label: asKey,
      help: asKey,
      choice: asKey,
      group: (section) => asKey("group", section === "" ? "basics" : section),
    };
  const texts = i18n.getResourceBundle(language, "options") as Record<string, string> | undefined;
  const sentences = new Map(fields.map((field) => [field.path, field.sentence]));
  return {
    label: (path) => texts?.[`${path}.label`] ?? path,
    help: (path) => texts?.[`${path}.help`] ?? sentences.get(path) ?? "",
    choice: (path, choice) => texts?.[`${path}.choice.${choice}`] ?? choice,
    group: (section) => texts?.[`group.${section === "" ? "basics" : section}`] ?? section,
  };
}

const asKey = (...parts: string[]) => `options:${parts.join(".") || "basics"}`;
