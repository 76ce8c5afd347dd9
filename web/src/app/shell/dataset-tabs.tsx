/** The two pages of a dataset: pictures and training, and its captions. Links, so that each has its address. */
import { Link } from "@tanstack/react-router";
import { IconPhoto, IconTags } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import classes from "./dataset-tabs.module.css";

export function DatasetTabs({ datasetId }: { readonly datasetId: string }) {
  const { t } = useTranslation("app");
  const common = { className: classes.tab, activeOptions: { exact: true }, activeProps: { "data-active": true } };
  return (
    <nav aria-label={t("dataset.pages")} className={classes.tabs}>
      <Link to="/datasets/$datasetId" params={{ datasetId }} {...common}>
        <IconPhoto size={18} stroke={1.5} aria-hidden />
        {t("dataset.pictures")}
      </Link>
      <Link to="/datasets/$datasetId/captions" params={{ datasetId }} {...common}>
        <IconTags size={18} stroke={1.5} aria-hidden />
        {t("dataset.captions")}
      </Link>
    </nav>
  );
}
