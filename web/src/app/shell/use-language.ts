/** The page's language, and how to choose another; what the server said is asked for again, since it says it in it. */
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { chooseLanguage, type Language } from "../i18n";

export function useLanguage(): { readonly language: string; readonly choose: (language: Language) => void } {
  const { i18n } = useTranslation("app");
  const client = useQueryClient();
  return {
    language: i18n.language,
    choose: (language) => void chooseLanguage(language).then(() => client.invalidateQueries()),
  };
}
