/** The commands for many captions, each with its fields: delete, rename, replace, put in front or behind, sort. */
import { Checkbox, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Book } from "../model/book";
import type { Command } from "../model/commands";
import { CommandDialog } from "./command-dialog";

export type Tool =
  | { readonly kind: "delete" | "rename"; readonly tags: readonly string[] }
  | { readonly kind: "replace" | "insert" | "sort" | "duplicates" | "respell" };

export interface ToolDialogProps {
  readonly datasetId: string;
  readonly book: Book;
  readonly ids: readonly string[] | null;
  /** Which pictures that is, in words. */
  readonly targetText: string;
  readonly onApply: (command: Command) => void;
  readonly onClose: () => void;
}

export function ToolDialog({ tool, ...rest }: ToolDialogProps & { readonly tool: Tool }) {
  switch (tool.kind) {
    case "delete":
      return <DeleteDialog {...rest} tags={tool.tags} />;
    case "rename":
      return <RenameDialog {...rest} tags={tool.tags} />;
    case "replace":
      return <ReplaceDialog {...rest} />;
    case "insert":
      return <InsertDialog {...rest} />;
    case "sort":
      return <SortDialog {...rest} />;
    case "respell":
      return <RespellDialog {...rest} />;
    case "duplicates":
      return <DuplicatesDialog {...rest} />;
  }
}

/** The one confirmation of a deletion: it says how many pictures are touched. */
function DeleteDialog({ tags, targetText, ...rest }: ToolDialogProps & { readonly tags: readonly string[] }) {
  const { t } = useTranslation("captions");
  const [command] = useState<Command>({ kind: "delete", tags: [...tags], with_trigger: false });
  return (
    <CommandDialog
      {...rest}
      title={t("delete.title", { count: tags.length })}
      command={command}
      isDeletion
      hasExamples={false}
    >
      <Text size="sm">{t("delete.text", { tags: tags.join(", "), target: targetText })}</Text>
      <Text size="sm" c="dimmed">
        {t("delete.undo")}
      </Text>
    </CommandDialog>
  );
}

function RenameDialog({ tags, targetText, ...rest }: ToolDialogProps & { readonly tags: readonly string[] }) {
  const { t } = useTranslation("captions");
  const [name, setName] = useState(tags[0] ?? "");
  const isNew = name.trim() !== "" && (tags.length > 1 || name.trim() !== tags[0]);
  const command: Command | null = isNew ? { kind: "rename", tags: [...tags], new: name.trim() } : null;
  return (
    <CommandDialog {...rest} title={t("rename.title", { count: tags.length })} command={command}>
      <Text size="sm">
        {tags.length > 1
          ? t("rename.several", { tags: tags.join(", "), target: targetText })
          : t("rename.text", { target: targetText })}
      </Text>
      <TextInput
        data-autofocus
        label={t("rename.name")}
        value={name}
        onFocus={(event) => event.currentTarget.select()}
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </CommandDialog>
  );
}

function ReplaceDialog({ targetText, ...rest }: ToolDialogProps) {
  const { t } = useTranslation("captions");
  const [find, setFind] = useState("");
  const [replacement, setReplacement] = useState("");
  const [isPattern, setIsPattern] = useState(false);
  const [ignoresCase, setIgnoresCase] = useState(false);
  const [scope, setScope] = useState<"caption" | "tag">("caption");
  const command: Command | null =
    find === "" ? null : { kind: "replace", find, replacement, is_pattern: isPattern, scope, ignore_case: ignoresCase };
  return (
    <CommandDialog {...rest} title={t("replace.title")} command={command}>
      <Text size="sm">{t("for.text", { target: targetText })}</Text>
      <TextInput
        data-autofocus
        label={t("replace.find")}
        value={find}
        ff={isPattern ? "monospace" : "text"}
        onChange={(event) => setFind(event.currentTarget.value)}
      />
      <TextInput
        label={t("replace.replacement")}
        description={isPattern ? t("replace.groups") : t("replace.blank")}
        value={replacement}
        onChange={(event) => setReplacement(event.currentTarget.value)}
      />
      <Checkbox
        label={t("replace.pattern")}
        checked={isPattern}
        onChange={(event) => setIsPattern(event.currentTarget.checked)}
      />
      <Checkbox
        label={t("replace.ignoreCase")}
        checked={ignoresCase}
        onChange={(event) => setIgnoresCase(event.currentTarget.checked)}
      />
      <SegmentedControl
        aria-label={t("replace.scope")}
        value={scope}
        onChange={(value) => setScope(value as typeof scope)}
        data={[
          { value: "caption", label: t("replace.inCaption") },
          { value: "tag", label: t("replace.inTags") },
        ]}
      />
    </CommandDialog>
  );
}

function InsertDialog({ targetText, ...rest }: ToolDialogProps) {
  const { t } = useTranslation("captions");
  const [text, setText] = useState("");
  const [where, setWhere] = useState<"prepend" | "append">("append");
  const command: Command | null = text.trim() === "" ? null : { kind: where, text: text.trim() };
  return (
    <CommandDialog {...rest} title={t("insert.title")} command={command}>
      <Text size="sm">{t("for.text", { target: targetText })}</Text>
      <SegmentedControl
        aria-label={t("insert.where")}
        value={where}
        onChange={(value) => setWhere(value as typeof where)}
        data={[
          { value: "prepend", label: t("insert.front") },
          { value: "append", label: t("insert.behind") },
        ]}
      />
      <TextInput
        data-autofocus
        label={t("insert.text")}
        description={t("insert.help")}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </CommandDialog>
  );
}

const SORTS = ["count", "alphabet", "category"] as const;
const SORT_TEXTS = {
  count: "captions:sortBy.count",
  alphabet: "captions:sortBy.alphabet",
  category: "captions:sortBy.category",
} as const;

function SortDialog({ targetText, ...rest }: ToolDialogProps) {
  const { t } = useTranslation("captions");
  const [by, setBy] = useState<(typeof SORTS)[number]>("count");
  const command: Command = { kind: "sort", by };
  return (
    <CommandDialog {...rest} title={t("sortTool.title")} command={command}>
      <Text size="sm">{t("for.text", { target: targetText })}</Text>
      <Select
        label={t("sortTool.by")}
        data={SORTS.map((value) => ({ value, label: t(SORT_TEXTS[value]) }))}
        value={by}
        onChange={(value) => value !== null && setBy(value)}
      />
    </CommandDialog>
  );
}

function RespellDialog({ targetText, ...rest }: ToolDialogProps) {
  const { t } = useTranslation("captions");
  const [to, setTo] = useState<"spaces" | "underscores">("spaces");
  return (
    <CommandDialog {...rest} title={t("respell.title")} command={{ kind: "respell", to }}>
      <Text size="sm">{t("for.text", { target: targetText })}</Text>
      <SegmentedControl
        aria-label={t("respell.title")}
        value={to}
        onChange={(value) => setTo(value as typeof to)}
        data={[
          { value: "spaces", label: t("respell.spaces") },
          { value: "underscores", label: t("respell.underscores") },
        ]}
      />
    </CommandDialog>
  );
}

function DuplicatesDialog({ targetText, ...rest }: ToolDialogProps) {
  const { t } = useTranslation("captions");
  return (
    <CommandDialog {...rest} title={t("duplicates.title")} command={{ kind: "remove_duplicates" }}>
      <Stack gap={4}>
        <Text size="sm">{t("for.text", { target: targetText })}</Text>
        <Text size="sm" c="dimmed">
          {t("duplicates.help")}
        </Text>
      </Stack>
    </CommandDialog>
  );
}
