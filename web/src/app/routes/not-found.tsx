/** An address that leads nowhere. */
import { Button } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { EmptyState } from "@/ui/feedback/empty-state";

export function NotFoundPage() {
  const { t } = useTranslation("app");
  return (
    <EmptyState
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
