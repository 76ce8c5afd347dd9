import i18next from "i18next";
import { describe, expect, it } from "vitest";

import { startTexts } from "./i18n";
import adminEn from "@/features/admin/locales/en.json";
import adminJa from "@/features/admin/locales/ja.json";

import { texts as firstEn } from "./texts/en";
import { texts as firstJa } from "./texts/ja";

const en: typeof firstEn = { ...firstEn, admin: adminEn };
const ja: typeof firstJa = { ...firstJa, admin: adminJa };

const sources = import.meta.glob<string>("../**/*.{ts,tsx}", { eager: true, query: "?raw", import: "default" });

const placeholders = (text: string) => [...text.matchAll(/{{\s*(\w+)/g)].map((match) => match[1]).sort();
const plain = (key: string) => key.replace(/_(zero|one|two|few|many|other)$/, "");

describe("texts", () => {
  it("have the same keys in both languages", () => {
    expect(Object.keys(ja).sort()).toEqual(Object.keys(en).sort());
    for (const name of Object.keys(en)) {
      const keys = (texts: Record<string, string> = {}) => [...new Set(Object.keys(texts).map(plain))].sort();
      expect(keys(ja[name]), name).toEqual(keys(en[name]));
    }
  });

  it("have the same placeholders in both languages, and no empty text", () => {
    for (const [name, texts] of Object.entries(en)) {
      for (const [key, text] of Object.entries(texts)) {
        const other = ja[name]?.[key] ?? ja[name]?.[`${plain(key)}_other`] ?? "";
        expect(other, `${name}:${key}`).not.toBe("");
        expect(
          placeholders(other).filter((one) => one !== "count"),
          `${name}:${key}`,
        ).toEqual(placeholders(text).filter((one) => one !== "count"));
      }
    }
  });

  it("exist for every key that the code names", () => {
    const missing: string[] = [];
    for (const [path, source] of Object.entries(sources)) {
      if (path.includes(".test.")) continue;
      const own = /useTranslation\("([\w-]+)"\)/.exec(source)?.[1] ?? "app";
      for (const [, key = ""] of source.matchAll(/\bt\(\s*"([^"]+)"/g)) {
        const [name, rest] = key.includes(":") ? (key.split(":") as [string, string]) : [own, key];
        const texts = en[name] ?? {};
        if (!(rest in texts) && !(`${rest}_other` in texts)) missing.push(`${path}: ${key}`);
      }
      for (const [, name = "", rest = ""] of source.matchAll(/text: "([\w-]+):([\w.-]+)"/g)) {
        if (!(rest in (en[name] ?? {}))) missing.push(`${path}: ${name}:${rest}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it.each(["ja", "en"] as const)("in %s write an amount with its separators, and a seed as it is", async (language) => {
    await startTexts(language);
    i18next.addResourceBundle(language, "proof", {
      many_one: "{{count}}",
      many_other: "{{count}} / {{total}} {{seed}}",
    });
    expect(i18next.t("proof:many", { count: 1200, total: 34567, seed: 1234567 })).toBe("1,200 / 34,567 1234567");
  });
});
