/** One LoRA of the library: its picture, what it is called and triggered by, and the way to draw with it (I1). */
import { Badge, Button, Card, Group, Text } from "@mantine/core";
import { IconBrush } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { formatBytes, formatDateTime } from "@/lib/format";

import { toDrawWith } from "../model/links";
import type { Lora } from "../queries";
import classes from "./lora-library.module.css";
import { LoraMenu } from "./lora-menu";
import { LoraPicture } from "./lora-picture";

export function LoraCard({ lora }: { readonly lora: Lora }) {
  const { t, i18n } = useTranslation("loras");
  const from = [
    lora.epoch === null ? "" : t("card.epoch", { epoch: lora.epoch }),
    lora.base_model_name,
    formatBytes(lora.size_bytes, i18n.language),
  ].filter((part) => part !== "");
  return (
    <Card padding={0} className={classes.card}>
      <LoraPicture lora={lora} />
      <div className={classes.words}>
        <Group gap="xs" wrap="nowrap" justify="space-between">
          <Link {...{ to: `/loras/${lora.id}` }} className={classes.link} title={lora.name}>
            <Text fw={600} lineClamp={1}>
              {lora.name}
            </Text>
          </Link>
          <Badge variant="light" color="fuji" style={{ flexShrink: 0 }}>
            {lora.family_title}
          </Badge>
        </Group>
        {lora.trigger !== "" && (
          <span className={classes.trigger} title={lora.trigger}>
            {lora.trigger}
          </span>
        )}
        <Text size="xs" c="dimmed" lineClamp={2}>
          {from.join(" · ")}
        </Text>
        <Text size="xs" c="dimmed">
          {formatDateTime(lora.created_at, i18n.language)}
        </Text>
      </div>
      <div className={classes.foot}>
        <Button
          component={Link}
          {...toDrawWith(lora.id)}
          className={classes.above}
          variant="light"
          flex={1}
          leftSection={<IconBrush size={18} stroke={1.5} aria-hidden />}
        >
          {t("card.draw")}
        </Button>
        <LoraMenu lora={lora} />
      </div>
    </Card>
  );
}
