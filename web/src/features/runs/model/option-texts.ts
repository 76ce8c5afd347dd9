/** Words of the recipe's options by their path; English sentences are the server's own. */
import type { components } from "@/api/schema";
import type { OptionTexts } from "@/ui/option-form/option-form";

import en from "../options/en.json";
import ja from "../options/ja.json";

const TEXTS: Record<string, Record<string, string>> = { en, ja };

export function optionTexts(language: string, fields: components["schemas"]["FieldShown"][]): OptionTexts {
  // i18next's language that shows keys, so that a test can see what is no key.
  if (language === "cimode")
    return {
      label: asKey,
      help: asKey,
      choice: asKey,
      group: (section) => asKey("group", section === "" ? "basics" : section),
    };
  const texts: Record<string, string> = TEXTS[language] ?? en;
  const sentences = new Map(fields.map((field) => [field.path, field.sentence]));
  return {
    label: (path) => texts[`${path}.label`] ?? path,
    help: (path) => texts[`${path}.help`] ?? sentences.get(path) ?? "",
    choice: (path, choice) => texts[`${path}.choice.${choice}`] ?? choice,
    group: (section) => texts[`group.${section === "" ? "basics" : section}`] ?? section,
  };
}

const asKey = (...parts: string[]) => `options:${parts.join(".") || "basics"}`;
