/** A tool on a LoRA: what it does in a sentence, what it needs to know, and off it goes to a worker. */
import { Button, Group, Modal, NumberInput, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { baseModelQueries } from "@/features/base_models/public";
import { noticeDone } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import { type Lora, loraQueries } from "../queries";
import { type Precision, type ToolToUse, useTool } from "../tool-queries";
import { useOthers, type Weighed, WeighedLoras } from "./weighed-loras";

export type ToolOfLora = "merge" | "resize" | "convert" | "compare" | "merge_into";

const PRECISIONS: readonly Precision[] = ["fp16", "bf16", "fp32", "same"];
const DEFAULT_RANK = 16;
const DEFAULT_SHARE = 90;
const DEFAULT_RATIO = 20;
const METHODS = ["fixed", "sv_fro", "sv_cumulative", "sv_ratio"] as const;
type Method = (typeof METHODS)[number];

export interface LoraToolDialogProps {
  readonly tool: ToolOfLora;
  readonly lora: Lora;
  readonly onClose: () => void;
}

export function LoraToolDialog({ tool, lora, onClose }: LoraToolDialogProps) {
  const { t } = useTranslation("loras");
  const ui = useTranslation("ui").t;
  const [chosen, setChosen] = useState<readonly Weighed[]>([
    { id: lora.id, name: lora.name, weight: 1, textWeight: null },
  ]);
  const [other, setOther] = useState<string | null>(null);
  const [base, setBase] = useState<string | null>(null);
  const [rank, setRank] = useState<number | "">(tool === "merge" ? "" : Math.min(DEFAULT_RANK, startRank(lora)));
  const [method, setMethod] = useState<Method>("fixed");
  const [share, setShare] = useState(DEFAULT_SHARE);
  const [ratio, setRatio] = useState(DEFAULT_RATIO);
  const [layout, setLayout] = useState<"kohya" | "diffusers">("kohya");
  const [precision, setPrecision] = useState<Precision>(tool === "merge_into" || tool === "convert" ? "same" : "fp16");
  const [name, setName] = useState("");
  const others = useOthers(lora.family, [lora]);
  const kind = useQuery({ ...loraQueries.detail(lora.id), enabled: tool === "convert" }).data?.facts["algorithm"];
  const isKnownToDiffusers = kind !== "loha" && kind !== "lokr";
  const bases = useQuery({ ...loraQueries.baseModels(lora.id), enabled: tool === "merge_into" }).data ?? [];
  const use = useTool();
  const body = ((): ToolToUse | null => {
    const loras = chosen.map(({ id, weight, textWeight }) => ({ id, weight, text_weight: textWeight }));
    switch (tool) {
      case "merge":
        return loras.length < 2 ? null : { tool, loras, rank: rank === "" ? null : rank, precision, name };
      case "merge_into":
        return base === null ? null : { tool, loras, base_model_id: base, precision, name };
      case "compare":
        return other === null ? null : { tool, lora_ids: [lora.id, other] };
      case "convert":
        return { tool, lora_id: lora.id, layout, precision, name };
      case "resize":
        if (rank === "") return null;
        return {
          tool,
          lora_id: lora.id,
          rank,
          method,
          parameter: method === "fixed" ? null : method === "sv_ratio" ? ratio : share / 100,
          precision,
          name,
        };
    }
  })();
  const handleGo = () => {
    if (body === null) return;
    use.mutate(body, {
      onSuccess: () => {
        noticeDone(t("tools.started"));
        onClose();
      },
    });
  };
  return (
    <Modal opened onClose={onClose} title={t(`tools.${tool}.title`)} closeButtonProps={{ "aria-label": ui("close") }}>
      <Stack>
        <Text size="sm">{t(`tools.${tool}.help`, { name: lora.name })}</Text>
        {(tool === "merge" || tool === "merge_into") && (
          <WeighedLoras family={lora.family} value={chosen} onChange={setChosen} />
        )}
        {tool === "merge_into" && (
          <Select
            label={t("tools.base")}
            placeholder={t("tools.choose")}
            searchable
            data={bases.map((one) => ({ value: one.id, label: one.name }))}
            value={base}
            onChange={setBase}
          />
        )}
        {tool === "compare" && (
          <Select
            label={t("tools.other")}
            placeholder={others.length === 0 ? t("tools.noOther") : t("tools.choose")}
            disabled={others.length === 0}
            searchable
            data={others.map((one) => ({ value: one.id, label: one.name }))}
            value={other}
            onChange={setOther}
          />
        )}
        {tool === "resize" && (
          <Select
            label={t("tools.method")}
            description={t(`tools.method.${method}.help`)}
            allowDeselect={false}
            data={METHODS.map((one) => ({ value: one, label: t(`tools.method.${one}`) }))}
            value={method}
            onChange={(value) => setMethod(value as Method)}
          />
        )}
        {tool === "resize" && method === "sv_ratio" && (
          <NumberInput
            label={t("tools.ratio")}
            min={1}
            max={1_000_000}
            value={ratio}
            onChange={(value) => typeof value === "number" && setRatio(value)}
          />
        )}
        {tool === "resize" && (method === "sv_fro" || method === "sv_cumulative") && (
          <NumberInput
            label={t("tools.share")}
            suffix=" %"
            min={1}
            max={100}
            value={share}
            onChange={(value) => typeof value === "number" && setShare(value)}
          />
        )}
        {(tool === "resize" || tool === "merge") && (
          <NumberInput
            label={t(tool === "resize" && method !== "fixed" ? "tools.mostRank" : "tools.rank")}
            description={tool === "merge" ? t("tools.mergedRankHelp") : t("tools.rankNow", { rank: lora.dim ?? "?" })}
            min={1}
            max={1024}
            allowDecimal={false}
            value={rank}
            onChange={(value) => setRank(typeof value === "number" ? value : "")}
          />
        )}
        {tool === "convert" && isKnownToDiffusers && (
          <SegmentedControl
            aria-label={t("facts.layout")}
            value={layout}
            onChange={(value) => setLayout(value as "kohya" | "diffusers")}
            data={[
              { value: "kohya", label: t("tools.kohya") },
              { value: "diffusers", label: t("tools.diffusers") },
            ]}
          />
        )}
        {tool !== "compare" && (
          <>
            <PrecisionSelect value={precision} onChange={setPrecision} />
            <NameInput value={name} onChange={setName} />
          </>
        )}
        {use.isError && <ProblemNotice error={use.error} />}
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            {ui("cancel")}
          </Button>
          <Button loading={use.isPending} disabled={body === null} onClick={handleGo}>
            {t(`tools.${tool}.go`)}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

const startRank = (lora: Lora): number => Math.max(1, Math.floor((lora.dim ?? 2 * DEFAULT_RANK) / 2));

/** What differs between two base models, as a LoRA. */
export function ExtractDialog({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation("loras");
  const ui = useTranslation("ui").t;
  const models = (useQuery(baseModelQueries.list()).data?.base_models ?? []).filter((one) => one.state === "ready");
  const [tuned, setTuned] = useState<string | null>(null);
  const [base, setBase] = useState<string | null>(null);
  const [rank, setRank] = useState(2 * DEFAULT_RANK);
  const [convRank, setConvRank] = useState(0);
  const [precision, setPrecision] = useState<Precision>("fp16");
  const [name, setName] = useState("");
  const use = useTool();
  const family = models.find((one) => one.id === tuned)?.family;
  const hasConvolutions = family !== "flux";
  const named = (those: typeof models) => those.map((one) => ({ value: one.id, label: one.name }));
  const handleGo = () => {
    if (tuned === null || base === null) return;
    use.mutate(
      {
        tool: "extract",
        tuned_id: tuned,
        base_model_id: base,
        rank,
        conv_rank: hasConvolutions ? convRank : 0,
        precision,
        name,
      },
      {
        onSuccess: () => {
          noticeDone(t("tools.started"));
          onClose();
        },
      },
    );
  };
  return (
    <Modal opened onClose={onClose} title={t("tools.extract.title")} closeButtonProps={{ "aria-label": ui("close") }}>
      <Stack>
        <Text size="sm">{t("tools.extract.help")}</Text>
        <Select
          label={t("tools.tuned")}
          placeholder={t("tools.choose")}
          searchable
          data={named(models)}
          value={tuned}
          onChange={setTuned}
        />
        <Select
          label={t("tools.origin")}
          placeholder={t("tools.choose")}
          searchable
          data={named(models.filter((one) => one.id !== tuned && (family === undefined || one.family === family)))}
          value={base}
          onChange={setBase}
        />
        <NumberInput
          label={t("tools.rank")}
          min={1}
          max={1024}
          allowDecimal={false}
          value={rank}
          onChange={(value) => typeof value === "number" && setRank(value)}
        />
        {hasConvolutions && (
          <NumberInput
            label={t("tools.convRank")}
            description={t("tools.convRankHelp")}
            min={0}
            max={1024}
            allowDecimal={false}
            value={convRank}
            onChange={(value) => typeof value === "number" && setConvRank(value)}
          />
        )}
        <PrecisionSelect value={precision} onChange={setPrecision} />
        <NameInput value={name} onChange={setName} />
        {use.isError && <ProblemNotice error={use.error} />}
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            {ui("cancel")}
          </Button>
          <Button loading={use.isPending} disabled={tuned === null || base === null} onClick={handleGo}>
            {t("tools.extract.go")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function PrecisionSelect(props: { readonly value: Precision; readonly onChange: (value: Precision) => void }) {
  const { t } = useTranslation("loras");
  return (
    <Select
      label={t("tools.precision")}
      allowDeselect={false}
      data={PRECISIONS.map((one) => ({ value: one, label: one === "same" ? t("tools.same") : one }))}
      value={props.value}
      onChange={(value) => props.onChange(value as Precision)}
    />
  );
}

function NameInput(props: { readonly value: string; readonly onChange: (value: string) => void }) {
  const { t } = useTranslation("loras");
  return (
    <TextInput
      label={t("tools.name")}
      description={t("tools.nameHelp")}
      maxLength={100}
      value={props.value}
      onChange={(event) => props.onChange(event.currentTarget.value)}
    />
  );
}
