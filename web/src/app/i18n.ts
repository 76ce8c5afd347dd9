/** Both languages, a namespace per feature. Texts are small, so that switching needs no request. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";

export const LANGUAGES = ["ja", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

type Texts = Record<string, string>;

const files = import.meta.glob<Texts>(["../features/*/locales/*.json", "../ui/locales/*.json", "./locales/*.json"], {
  eager: true,
  import: "default",
});

/** `{ja: {captions: {...}, ui: {...}}, en: {...}}`, by the folders the files lie in. */
export function textsByLanguage(): Record<Language, Record<string, Texts>> {
  const texts: Record<Language, Record<string, Texts>> = { ja: {}, en: {} };
  for (const [path, content] of Object.entries(files)) {
    const match = /(?:\/|^\.?\/?)([\w-]+|\.)\/locales\/(ja|en)\.json$/.exec(path);
    if (match === null) continue;
    const name = path.startsWith("./locales") ? "app" : (match[1] ?? "app");
    texts[match[2] as Language][name] = content;
  }
  return texts;
}

export function firstLanguage(): Language {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem("enogu-language");
  } catch {
    // Storage is switched off.
  }
  if (kept === "ja" || kept === "en") return kept;
  return /^ja\b/.test(navigator.language) ? "ja" : "en";
}

export async function startTexts(language: string = firstLanguage()): Promise<void> {
  const resources = textsByLanguage();
  await i18next.use(initReactI18next).init({
    resources,
    lng: language,
    fallbackLng: language === "cimode" ? false : "en",
    ns: Object.keys(resources.en),
    defaultNS: "app",
    appendNamespaceToCIMode: true,
    keySeparator: false,
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  document.documentElement.lang = language;
}

export async function chooseLanguage(language: Language): Promise<void> {
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  try {
    localStorage.setItem("enogu-language", language);
  } catch {
    // Storage is switched off: it holds until the page is closed.
  }
}
