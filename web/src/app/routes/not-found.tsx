/** An address that leads nowhere. */
import { useTranslation } from "react-i18next";

import { useTitle } from "../shell/use-title";
import { NothingThere } from "./nothing-there";

export function NotFoundPage() {
  const { t } = useTranslation("app");
  useTitle(t("notFound.title"));
  return <NothingThere title={t("notFound.title")} text={t("notFound.text")} />;
}
