/** One base model with all that is known of it; one's own can be renamed, described and deleted (C2). */
import { Button, Group, Loader, Modal, Select, Stack, Table, Text, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useLayoutEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { formatBytes, formatDateTime, formatNumber } from "@/lib/format";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { LeaveDialog, LeaveGuard } from "@/ui/leaving/leave-guard";

import { branchTitle, predictionTitle } from "../model/marks";
import {
  type BaseModel,
  type BaseModelChange,
  baseModelQueries,
  useChangeBaseModel,
  useDeleteBaseModel,
  useHashBaseModel,
} from "../queries";
import { BaseModelBadges } from "./base-model-badges";
import { ModelState } from "./base-model-browser";
import { FamilyMark } from "./family-mark";

const BRANCHES = ["", "pony", "illustrious", "noobai", "schnell"];
const STYLES: Readonly<Record<string, string>> = {
  "": "base_models:style.unknown",
  "2d": "base_models:style.drawn",
  "3d": "base_models:style.photo",
};
const ORIGINS: Readonly<Record<string, string>> = {
  starter: "base_models:origin.starter",
  home: "base_models:origin.home",
  path: "base_models:origin.path",
  upload: "base_models:origin.upload",
  hub: "base_models:origin.hub",
};

export function BaseModelDetail({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { t } = useTranslation("base_models");
  const ui = useTranslation("ui").t;
  const model = useQuery(baseModelQueries.detail(id));
  const [isUnsaved, setIsUnsaved] = useState(false);
  const [isAsking, setIsAsking] = useState(false);
  return (
    <Modal
      opened
      onClose={() => (isUnsaved ? setIsAsking(true) : onClose())}
      closeOnEscape={!isAsking}
      size="lg"
      title={model.data?.name ?? t("picker.loading")}
      closeButtonProps={{ "aria-label": ui("close") }}
    >
      {model.isPending && <Loader aria-label={t("picker.loading")} />}
      {model.isError && <ProblemNotice error={model.error} onRetry={() => void model.refetch()} />}
      {model.data !== undefined && (
        <Detail key={model.data.id} model={model.data} onUnsaved={setIsUnsaved} onClose={onClose} />
      )}
      <LeaveGuard isUnsaved={isUnsaved} />
      {isAsking && <LeaveDialog of="dialog" onStay={() => setIsAsking(false)} onLeave={onClose} />}
    </Modal>
  );
}

interface DetailProps {
  readonly model: BaseModel;
  /** Told whether something would be lost if it were closed now. */
  readonly onUnsaved: (isUnsaved: boolean) => void;
  readonly onClose: () => void;
}

function Detail({ model, onUnsaved, onClose }: DetailProps) {
  const { t, i18n } = useTranslation("base_models");
  const hash = useHashBaseModel();
  const facts: [string, React.ReactNode][] = [
    [t("detail.family"), model.family_title],
    [t("detail.branch"), branchTitle(model.derivative)],
    [t("detail.predictionType"), predictionTitle(model.prediction_type)],
    [
      t("detail.side"),
      model.native_side == null ? "" : t("detail.pixels", { side: formatNumber(model.native_side, i18n.language) }),
    ],
    [t("detail.style"), model.style === "" ? "" : t(STYLES[model.style] ?? model.style)],
    [t("detail.size"), formatBytes(model.size_bytes, i18n.language)],
    [t("detail.licenceLabel"), model.licence],
    [
      t("detail.addedBy"),
      `${model.is_own ? t("detail.own") : t("detail.shared")} (${t(ORIGINS[model.origin] ?? model.origin)})`,
    ],
    [t("detail.added"), model.created_at == null ? "" : formatDateTime(model.created_at, i18n.language)],
    [t("detail.path"), model.path ?? ""],
    [t("detail.shortHash"), model.short_hash],
    [t("detail.sha256"), model.hash],
  ];
  return (
    <Stack>
      <Group gap="sm" wrap="nowrap">
        <FamilyMark family={model.family} size={56} />
        <Stack gap={4}>
          <BaseModelBadges model={model} />
          <ModelState model={model} />
        </Stack>
      </Group>
      <Table variant="vertical" layout="fixed">
        <Table.Tbody>
          {facts
            .filter(([, value]) => value !== "")
            .map(([label, value]) => (
              <Table.Tr key={label}>
                <Table.Th w="34%">{label}</Table.Th>
                <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
              </Table.Tr>
            ))}
        </Table.Tbody>
      </Table>
      {model.hash === "" && model.state === "ready" && model.progress == null && (
        <Group gap="sm">
          <Button
            size="compact-sm"
            variant="default"
            loading={hash.isPending}
            onClick={() => hash.mutate(model.id, { onError: noticeFailure })}
          >
            {t("detail.findHash")}
          </Button>
        </Group>
      )}
      {model.is_own ? (
        <OwnModel model={model} onUnsaved={onUnsaved} onClose={onClose} />
      ) : (
        model.notes !== "" && <Text style={{ whiteSpace: "pre-wrap" }}>{model.notes}</Text>
      )}
    </Stack>
  );
}

/** What its owner may say of it. */
function OwnModel({ model, onUnsaved, onClose }: DetailProps) {
  const { t } = useTranslation("base_models");
  const ui = useTranslation("ui").t;
  const change = useChangeBaseModel(model.id);
  const remove = useDeleteBaseModel();
  const [isSure, setIsSure] = useState(false);
  const [typed, setTyped] = useState({ name: model.name, licence: model.licence, notes: model.notes });
  const [derivative, setDerivative] = useState(model.derivative);
  const [style, setStyle] = useState(model.style);
  const changed: BaseModelChange = {
    ...(typed.name === model.name || typed.name.trim() === "" ? {} : { name: typed.name }),
    ...(typed.licence === model.licence ? {} : { licence: typed.licence }),
    ...(typed.notes === model.notes ? {} : { notes: typed.notes }),
    ...(derivative === model.derivative
      ? {}
      : { derivative: derivative as NonNullable<BaseModelChange["derivative"]> }),
    ...(style === model.style ? {} : { style: style as NonNullable<BaseModelChange["style"]> }),
  };
  const isUnsaved = Object.keys(changed).length > 0;
  // Before the next key: that may be the one that closes it.
  useLayoutEffect(() => onUnsaved(isUnsaved), [isUnsaved, onUnsaved]);
  const handleSave = () =>
    change.mutate(changed, { onSuccess: () => noticeDone(t("detail.saved")), onError: noticeFailure });
  const handleDelete = () =>
    remove.mutate(model.id, {
      onSuccess: () => {
        noticeDone(t("delete.done", { name: model.name }));
        onClose();
      },
      onError: noticeFailure,
    });
  if (isSure)
    return (
      <Stack gap="sm" role="alertdialog" aria-label={t("delete.sure", { name: model.name })}>
        <Text fw={600}>{t("delete.sure", { name: model.name })}</Text>
        <Text size="sm">{t(model.origin === "path" ? "delete.stays" : "delete.goes")}</Text>
        <Group justify="end">
          <Button variant="default" data-autofocus onClick={() => setIsSure(false)}>
            {ui("cancel")}
          </Button>
          <Button color="shu" loading={remove.isPending} onClick={handleDelete}>
            {ui("delete")}
          </Button>
        </Group>
      </Stack>
    );
  return (
    <Stack gap="sm">
      <TextInput
        label={t("detail.name")}
        maxLength={120}
        value={typed.name}
        onChange={(event) => setTyped({ ...typed, name: event.currentTarget.value })}
      />
      <Group grow align="end">
        <Select
          label={t("detail.branch")}
          data={BRANCHES.map((value) => ({ value, label: value === "" ? t("detail.noBranch") : branchTitle(value) }))}
          value={derivative}
          onChange={(value) => setDerivative(value ?? "")}
        />
        <Select
          label={t("detail.style")}
          data={Object.entries(STYLES).map(([value, text]) => ({ value, label: t(text) }))}
          value={style}
          onChange={(value) => setStyle(value ?? "")}
        />
      </Group>
      <TextInput
        label={t("detail.licenceLabel")}
        maxLength={200}
        value={typed.licence}
        onChange={(event) => setTyped({ ...typed, licence: event.currentTarget.value })}
      />
      <Textarea
        label={t("detail.notes")}
        autosize
        minRows={2}
        maxRows={8}
        value={typed.notes}
        onChange={(event) => setTyped({ ...typed, notes: event.currentTarget.value })}
      />
      <Group justify="space-between">
        <Button variant="subtle" color="shu" onClick={() => setIsSure(true)}>
          {t("delete.delete")}
        </Button>
        <Button loading={change.isPending} onClick={handleSave}>
          {ui("save")}
        </Button>
      </Group>
    </Stack>
  );
}
