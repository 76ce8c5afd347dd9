/** Texts in the language that is shown, a namespace per feature; the other one comes when it is chosen. */
import i18next, { type BackendModule, type FormatterModule } from "i18next";
import { initReactI18next } from "react-i18next";

import { formatNumber } from "@/lib/format";

import type { Texts } from "./texts/by-namespace";

export const LANGUAGES = ["ja", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

const TEXTS: Record<Language, () => Promise<{ readonly texts: Texts }>> = {
  ja: () => import("./texts/ja"),
  en: () => import("./texts/en"),
};

type TextFile = () => Promise<{ readonly default: Readonly<Record<string, string>> }>;

/** Texts that few pages need: the words of the recipe's options, and what an administrator reads. */
const LATE: Readonly<Record<string, Readonly<Record<string, TextFile>>>> = {
  options: {
    ja: () => import("@/features/runs/options/ja.json"),
    en: () => import("@/features/runs/options/en.json"),
  },
  admin: {
    ja: () => import("@/features/admin/locales/ja.json"),
    en: () => import("@/features/admin/locales/en.json"),
  },
};

/** What i18next asks for texts that are not there when they are first used. */
const late: BackendModule = {
  type: "backend",
  init() {},
  read(language, name, callback) {
    const load = LATE[name]?.[language];
    if (load === undefined) callback(null, {});
    else
      void load().then(
        (file) => callback(null, file.default),
        (error: unknown) => callback(error as Error, null),
      );
  },
};

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

/** Amounts as the language writes them: 1,000 pictures. A seed, a size or a name stays what it is. */
const AMOUNTS = ["count", "done", "of", "place", "step", "total"];

const amounts: FormatterModule = {
  type: "formatter",
  init() {},
  add() {},
  addCached() {},
  format(value: unknown, _format, language, options) {
    const isAmount = typeof value === "number" && AMOUNTS.includes(String(options?.interpolationkey));
    return isAmount ? formatNumber(value, language ?? "en") : (value as string);
  },
};

export async function startTexts(language: string = firstLanguage()): Promise<void> {
  const shown: Language = language === "ja" ? "ja" : "en";
  const { texts } = await TEXTS[shown]();
  await i18next
    .use(late)
    .use(amounts)
    .use(initReactI18next)
    .init({
      resources: language === "cimode" ? {} : { [shown]: texts },
      partialBundledLanguages: true,
      lng: language,
      fallbackLng: false,
      ns: Object.keys(texts),
      defaultNS: "app",
      appendNamespaceToCIMode: true,
      keySeparator: false,
      interpolation: { escapeValue: false, alwaysFormat: true },
      returnNull: false,
    });
  document.documentElement.lang = language;
}

export async function chooseLanguage(language: Language): Promise<void> {
  const { texts } = await TEXTS[language]();
  for (const [name, resources] of Object.entries(texts)) i18next.addResourceBundle(language, name, resources);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  try {
    localStorage.setItem("enogu-language", language);
  } catch {
    // Storage is switched off: it holds until the page is closed.
  }
}
