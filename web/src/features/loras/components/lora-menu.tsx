/** What can be done with a LoRA beside drawing: take it along in the form another program wants, or delete it. */
import { ActionIcon, Menu } from "@mantine/core";
import {
  IconArrowsDiff,
  IconArrowsMinimize,
  IconDots,
  IconDownload,
  IconFileZip,
  IconGitMerge,
  IconPackageImport,
  IconTransform,
  IconTrash,
} from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { formatBytes } from "@/lib/format";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { lazily } from "@/ui/lazily";

import { type Lora, useDeleteLora } from "../queries";
import classes from "./lora-library.module.css";
import type { ToolOfLora } from "./lora-tool-dialog";

const ToolDialog = lazily(async () => (await import("./lora-tool-dialog")).LoraToolDialog);

const TOOLS: readonly (readonly [ToolOfLora, typeof IconDots])[] = [
  ["merge", IconGitMerge],
  ["resize", IconArrowsMinimize],
  ["convert", IconTransform],
  ["compare", IconArrowsDiff],
  ["merge_into", IconPackageImport],
];

export interface LoraMenuProps {
  readonly lora: Lora;
  readonly onDeleted?: () => void;
}

export function LoraMenu({ lora, onDeleted }: LoraMenuProps) {
  const { t, i18n } = useTranslation("loras");
  const { remove, restore } = useDeleteLora();
  const [tool, setTool] = useState<ToolOfLora | null>(null);
  const zip = (layout: string) => `/api/loras.zip?${new URLSearchParams({ id: lora.id, layout }).toString()}`;
  const handleDelete = () =>
    remove.mutate(lora.id, {
      onSuccess: () => {
        noticeDone(t("deleted", { name: lora.name }), () => restore.mutate(lora.id, { onError: noticeFailure }));
        onDeleted?.();
      },
      onError: noticeFailure,
    });
  return (
    <>
      {tool !== null && <ToolDialog tool={tool} lora={lora} onClose={() => setTool(null)} />}
      <Menu position="bottom-end" width={280}>
        <Menu.Target>
          <ActionIcon size={36} className={classes.above} aria-label={t("menu.more", { name: lora.name })}>
            <IconDots size={20} stroke={1.5} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            component="a"
            href={lora.file_url}
            download
            leftSection={<IconDownload size={18} stroke={1.5} aria-hidden />}
          >
            {t("menu.file", { size: formatBytes(lora.size_bytes, i18n.language) })}
          </Menu.Item>
          <Menu.Item
            component="a"
            href={zip("a1111")}
            download
            leftSection={<IconFileZip size={18} stroke={1.5} aria-hidden />}
          >
            {t("menu.a1111")}
          </Menu.Item>
          <Menu.Item
            component="a"
            href={zip("comfyui")}
            download
            leftSection={<IconFileZip size={18} stroke={1.5} aria-hidden />}
          >
            {t("menu.comfyui")}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Label>{t("tools.label")}</Menu.Label>
          {TOOLS.map(([one, Icon]) => (
            <Menu.Item key={one} leftSection={<Icon size={18} stroke={1.5} aria-hidden />} onClick={() => setTool(one)}>
              {t(`tools.${one}.title`)}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item color="shu" leftSection={<IconTrash size={18} stroke={1.5} aria-hidden />} onClick={handleDelete}>
            {t("menu.remove")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
