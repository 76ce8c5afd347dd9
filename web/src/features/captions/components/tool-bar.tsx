/** Undo, redo and everything that is done to many captions. */
import { ActionIcon, Button, Loader, Menu } from "@mantine/core";
import {
  IconArrowBackUp,
  IconArrowForwardUp,
  IconBulb,
  IconChevronDown,
  IconEye,
  IconHistory,
  IconKeyboard,
  IconListDetails,
  IconReplace,
} from "@tabler/icons-react";
import { memo } from "react";
import { useTranslation } from "react-i18next";

import { type Action } from "@/ui/keys/actions";
import { shownAction } from "@/ui/keys/shown-action";

import classes from "./captions.module.css";
import type { Tool } from "./tool-dialogs";

export interface ToolBarProps {
  readonly actions: readonly Action[];
  readonly isSaving: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly onTool: (tool: Tool) => void;
  readonly onPanel: (panel: "vocabulary") => void;
}

const TOOLS = ["insert", "sort", "duplicates", "respell"] as const;
const TOOL_TEXTS: Record<(typeof TOOLS)[number], string> = {
  insert: "captions:insert.title",
  sort: "captions:sortTool.title",
  duplicates: "captions:duplicates.title",
  respell: "captions:respell.title",
};

export const ToolBar = memo(function ToolBar({ actions, isSaving, canUndo, canRedo, onTool, onPanel }: ToolBarProps) {
  const { t } = useTranslation("captions");
  const perform = (id: string) => actions.find((action) => action.id === id)?.perform();
  const hint = (id: string) => shownAction(actions, id, (key) => t(key));
  return (
    <div className={classes.buttons} role="toolbar" aria-label={t("tools.label")}>
      <ActionIcon
        size={36}
        variant="default"
        disabled={!canUndo}
        aria-label={t("actions.undo")}
        title={hint("undo")}
        onClick={() => perform("undo")}
      >
        <IconArrowBackUp size={20} stroke={1.5} />
      </ActionIcon>
      <ActionIcon
        size={36}
        variant="default"
        disabled={!canRedo}
        aria-label={t("actions.redo")}
        title={hint("redo")}
        onClick={() => perform("redo")}
      >
        <IconArrowForwardUp size={20} stroke={1.5} />
      </ActionIcon>
      <ActionIcon
        size={36}
        variant="default"
        aria-label={t("actions.history")}
        title={hint("history")}
        onClick={() => perform("history")}
      >
        {isSaving ? <Loader size={16} aria-label={t("saving")} /> : <IconHistory size={20} stroke={1.5} />}
      </ActionIcon>
      <Button
        variant="light"
        px="sm"
        leftSection={<IconBulb size={18} stroke={1.5} aria-hidden />}
        title={hint("advisor")}
        onClick={() => perform("advisor")}
      >
        {t("advisor.title")}
      </Button>
      <Button
        variant="default"
        px="sm"
        leftSection={<IconReplace size={18} stroke={1.5} aria-hidden />}
        title={hint("replace")}
        onClick={() => perform("replace")}
      >
        {t("replace.short")}
      </Button>
      <Button
        variant="default"
        px="sm"
        leftSection={<IconEye size={18} stroke={1.5} aria-hidden />}
        title={hint("fed")}
        onClick={() => perform("fed")}
      >
        {t("fed.short")}
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            variant="default"
            px="sm"
            leftSection={<IconListDetails size={18} stroke={1.5} aria-hidden />}
            rightSection={<IconChevronDown size={14} stroke={1.5} aria-hidden />}
          >
            {t("tools.more")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {TOOLS.map((kind) => (
            <Menu.Item key={kind} onClick={() => onTool({ kind })}>
              {t(TOOL_TEXTS[kind])}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={() => onPanel("vocabulary")}>{t("vocabulary.title")}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ActionIcon
        size={36}
        aria-label={t("actions.keys")}
        title={hint("keys")}
        visibleFrom="sm"
        onClick={() => perform("keys")}
      >
        <IconKeyboard size={20} stroke={1.5} />
      </ActionIcon>
    </div>
  );
});
