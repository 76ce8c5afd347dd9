/** The two languages, in the header's menu. */
import { Menu } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { useLanguage } from "./use-language";

export function LanguageEntries() {
  const { t } = useTranslation("app");
  const { language, choose } = useLanguage();
  return (
    <>
      <Menu.Item lang="ja" onClick={() => choose("ja")} aria-current={language === "ja"}>
        {t("language.ja")}
      </Menu.Item>
      <Menu.Item lang="en" onClick={() => choose("en")} aria-current={language === "en"}>
        {t("language.en")}
      </Menu.Item>
    </>
  );
}
