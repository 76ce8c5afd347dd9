/** In place of a page: that there is nothing, and the way on. */
import { Button } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { EmptyState } from "@/ui/feedback/empty-state";

export function NothingThere({ title, text }: { readonly title: string; readonly text: string }) {
  const { t } = useTranslation("app");
  return (
    <EmptyState
      order={1}
      icon={<IconMapOff size={48} stroke={1.2} aria-hidden />}
      title={title}
      text={text}
      action={
        <Button component={Link} to="/">
          {t("notFound.home")}
        </Button>
      }
    />
  );
}
