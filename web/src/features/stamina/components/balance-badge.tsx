/** How much stamina there is, for the header; nothing where nothing is metered. */
import { Badge } from "@mantine/core";
import { IconBolt } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { formatNumber } from "@/lib/format";

import { staminaQueries } from "../queries";

export function BalanceBadge() {
  const { t, i18n } = useTranslation("stamina");
  const balance = useQuery(staminaQueries.balance()).data;
  if (balance?.is_metered !== true) return null;
  const shown = formatNumber(balance.stamina, i18n.language);
  return (
    <Badge
      variant="light"
      size="lg"
      leftSection={<IconBolt size={14} stroke={1.5} aria-hidden />}
      aria-label={t("balance", { stamina: shown })}
    >
      {shown}
    </Badge>
  );
}
