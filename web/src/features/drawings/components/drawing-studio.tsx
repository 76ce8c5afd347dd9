/** The drawing page: form on one side, what comes of it on the other (I1 to I6). */
import { Stack, Tabs } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useReducer, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { baseModelQueries } from "@/features/base_models/public";
import { loraQueries } from "@/features/loras/public";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";
import { DropArea } from "@/ui/drop-zone/drop-area";
import { lazily } from "@/ui/lazily";
import { useActions } from "@/ui/keys/use-actions";

import { keepDraft, keptDraft } from "../model/draft";
import { chosenWay, type ComparisonWish, comparisonWish, pictureWish, stepForm } from "../model/form";
import { nameKey, promptLoras } from "../model/prompt-loras";
import {
  type ComparisonToDraw,
  type Drawing,
  drawingQueries,
  type FormRead,
  OVER,
  type PicturesToDraw,
  useCompare,
  useDraw,
  useReadPicture,
} from "../queries";
import { ComparisonList } from "./comparison-list";
import { DrawingForm } from "./drawing-form";
import classes from "./drawing-studio.module.css";
import { Gallery } from "./gallery";
import { ReadNotice } from "./read-notice";
import { type OpenPictures, RequestLine, RequestView } from "./request-view";
import { useLoraToOpen } from "./use-lora-to-open";

const DrawingViewer = lazily(async () => (await import("./drawing-viewer")).DrawingViewer);
const LoraPicker = lazily(async () => (await import("./lora-picker")).LoraPicker);
const GridDialog = lazily(async () => (await import("./grid-dialog")).GridDialog);

export interface DrawingStudioProps {
  /** Id of the LoRA that the page was opened for. */
  readonly loraId: string | undefined;
  readonly onLoraTaken: () => void;
  /** Ids of the LoRAs that the page was opened to lay out in a grid. */
  readonly gridIds?: readonly string[] | undefined;
}

export function DrawingStudio({ loraId, onLoraTaken, gridIds }: DrawingStudioProps) {
  const { t } = useTranslation("drawings");
  const [form, dispatch] = useReducer(stepForm, undefined, keptDraft);
  useEffect(() => keepDraft(form), [form]);
  const allLoras = useQuery(loraQueries.all());
  const loras = allLoras.data ?? [];
  const models = useQuery(baseModelQueries.list());
  const options = useQuery({ ...drawingQueries.options(form.baseModel), retry: false }).data;
  useEffect(() => {
    // Another base model may not have the sampler that was chosen for the one before.
    if (options === undefined) return;
    const values = chosenWay(form, options.samplers, options.default_sampler);
    if (values.sampler !== form.sampler || values.scheduleType !== form.scheduleType) dispatch({ type: "set", values });
  }, [form, options]);
  const recent = useQuery(drawingQueries.recent()).data ?? [];
  const draw = useDraw();
  const compare = useCompare();
  const read = useReadPicture();
  const [taken, setTaken] = useState<{ read: FormRead; name: string } | null>(null);
  const [shown, setShown] = useState<string | null>(null);
  const [open, setOpen] = useState<OpenPictures | null>(null);
  const [toLayOut, setToLayOut] = useState<readonly string[] | null>(gridIds ?? null);
  const [isPicking, picking] = useDisclosure(false);
  const results = useRef<HTMLDivElement>(null);
  useLoraToOpen(loraId, form.baseModel, loras, dispatch, onLoraTaken);

  const inPrompt = new Set(promptLoras(form.prompt).map((one) => nameKey(one.name)));
  const families = new Set(loras.filter((one) => inPrompt.has(nameKey(one.name))).map((one) => one.family));
  const ready = (models.data?.base_models ?? []).filter((model) => model.state === "ready");
  const baseModels = ready.filter((model) => families.size === 0 || families.has(model.family));
  const offered = loras.filter((one) => one.family === options?.family);
  const waiting = recent.filter((one) => !OVER.includes(one.state));
  const current = shown ?? recent[0]?.id;
  const newest = recent.find((one) => one.kind === "pictures");

  const showResults = (id: string) => {
    setShown(id);
    if (window.matchMedia("(max-width: 900px)").matches)
      requestAnimationFrame(() => results.current?.scrollIntoView({ behavior: "smooth" }));
  };
  const asked = { onSuccess: ({ id }: { id: string }) => showResults(id), onError: noticeFailure };
  const handleDraw = () => {
    if (!draw.isPending) draw.mutate(pictureWish(form) as PicturesToDraw, asked);
  };
  const lay = (wish: ComparisonWish) => compare.mutate(comparisonWish(form, wish) as ComparisonToDraw, asked);
  const handleCompare = (name: string) =>
    lay({
      names: [loras.find((one) => nameKey(one.name) === nameKey(name))?.name ?? name],
      prompts: [form.prompt],
      weights: options?.comparison_weights ?? [],
      withoutLora: true,
    });
  const handlePicture = (file: File) =>
    read.mutate(file, {
      onSuccess: (found) => {
        dispatch({ type: "read", read: found });
        setTaken({ read: found, name: file.name });
      },
      onError: noticeFailure,
    });
  const handleUse = (drawing: Drawing) => {
    dispatch({ type: "again", drawing, names: new Map(loras.map((one) => [one.id, one.name])) });
    setOpen(null);
    setTaken(null);
    noticeDone(t("picture.used"));
    window.scrollTo({ top: 0 });
  };
  useActions([
    { id: "draw", text: "drawings:draw", keys: ["mod+Enter"], worksWhileWriting: true, perform: handleDraw },
  ]);

  return (
    <>
      <div className={classes.layout}>
        <DropArea text={t("read.drop")} onFile={handlePicture}>
          <Stack gap="md">
            {taken !== null && <ReadNotice read={taken.read} fileName={taken.name} onClose={() => setTaken(null)} />}
            {allLoras.isError && <ProblemNotice error={allLoras.error} onRetry={() => void allLoras.refetch()} />}
            {models.isError && <ProblemNotice error={models.error} onRetry={() => void models.refetch()} />}
            <DrawingForm
              form={form}
              dispatch={dispatch}
              options={options}
              baseModels={baseModels}
              loras={loras}
              lastSeed={newest?.seed ?? null}
              isBusy={draw.isPending || compare.isPending}
              onDraw={handleDraw}
              onCompare={handleCompare}
              onGrid={() => setToLayOut(offered.filter((one) => inPrompt.has(nameKey(one.name))).map((one) => one.id))}
              onAddLora={picking.open}
              onPicture={handlePicture}
            />
          </Stack>
        </DropArea>
        <div className={classes.results} ref={results}>
          {current !== undefined && (
            <RequestView
              key={current}
              id={current}
              onOpen={setOpen}
              onClose={shown === null || shown === recent[0]?.id ? undefined : () => setShown(null)}
            />
          )}
          {waiting
            .filter((one) => one.id !== current)
            .map((one) => (
              <RequestLine key={one.id} request={one} />
            ))}
          <Tabs defaultValue="gallery" keepMounted={false}>
            <Tabs.List mb="md">
              <Tabs.Tab value="gallery">{t("gallery.title")}</Tabs.Tab>
              <Tabs.Tab value="comparisons">{t("comparisons.title")}</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="gallery">
              <Gallery onOpen={setOpen} />
            </Tabs.Panel>
            <Tabs.Panel value="comparisons">
              <ComparisonList onChoose={showResults} />
            </Tabs.Panel>
          </Tabs>
        </div>
      </div>
      {isPicking && (
        <LoraPicker
          isOpen
          loras={offered}
          numOthers={loras.length - offered.length}
          baseModel={options?.base_model_name ?? ""}
          onChoose={(lora) => {
            dispatch({ type: "add", lora });
            picking.close();
          }}
          onClose={picking.close}
        />
      )}
      {toLayOut !== null && options !== undefined && allLoras.isSuccess && loraId === undefined && (
        <GridDialog
          loras={offered}
          chosen={offered.filter((one) => toLayOut.includes(one.id)).map((one) => one.name)}
          prompt={form.prompt}
          options={options}
          onDraw={(wish) => {
            lay(wish);
            setToLayOut(null);
          }}
          onClose={() => setToLayOut(null)}
        />
      )}
      {open !== null && (
        <DrawingViewer
          open={open}
          samplers={titles(options?.samplers)}
          schedules={titles(options?.samplers.flatMap((one) => one.schedules))}
          onUse={handleUse}
          onClose={() => setOpen(null)}
        />
      )}
    </>
  );
}

function titles(offered: readonly { readonly value: string; readonly title: string }[] = []) {
  return new Map(offered.map((one) => [one.value, one.title]));
}
