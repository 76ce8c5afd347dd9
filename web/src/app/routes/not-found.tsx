/** An address that leads nowhere. */
import { Button } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { EmptyState } from "@/ui/feedback/empty-state";

import { useTitle } from "../shell/use-title";

export function NotFoundPage() {
  const { t } = useTranslation("app");
  useTitle(t("notFound.title"));
  return (
    <EmptyState
      order={1}
      icon={<IconMapOff size={48} stroke={1.2} aria-hidden />}
      title={t("notFound.title")}
      text={t("notFound.text")}
      action={
        <Button component={Link} to="/">
          {t("notFound.home")}
        </Button>
      }
    />
  );
}
