/** What the app asks about captions, and the one lane in which it changes them. */
import {
  keepPreviousData,
  queryOptions,
  type QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { api, sendForm, unwrap } from "@/api/client";
import type { components } from "@/api/schema";
import { datasetQueries } from "@/features/datasets/public";

import { type Book, bookOf, type Caption } from "./model/book";
import type { Command } from "./model/commands";
import type { KnownTag } from "./model/union";

export type Advice = components["schemas"]["AdviceShown"];
export type Level = Advice["level"];
export type Completion = components["schemas"]["CompletionShown"];
export type Edited = components["schemas"]["EditedShown"];
export type HistoryEntry = components["schemas"]["EditShown"];
export type TokenLimit = components["schemas"]["TextToCount"]["limit"];
export type Fed = components["schemas"]["FedShown"];
type CaptionShown = components["schemas"]["CaptionShown"];

const PAGE = 1000;
const NOTHING_KNOWN: ReadonlyMap<string, KnownTag> = new Map();

const keyOf = (datasetId: string, ...rest: readonly unknown[]) => ["datasets", datasetId, "captions", ...rest];
const at = (dataset_id: string) => ({ params: { path: { dataset_id } } });

export const captionOf = (shown: CaptionShown): Caption => ({
  id: shown.picture_id,
  name: shown.name,
  text: shown.caption,
  tags: shown.tags,
});

export const captionQueries = {
  /** All captions. What is read never replaces what a later edit has confirmed. */
  book: (datasetId: string) =>
    queryOptions({
      queryKey: [...keyOf(datasetId, "book")] as const,
      queryFn: async ({ client, queryKey, signal }): Promise<Book> => {
        const captions: Caption[] = [];
        for (;;) {
          const path = { dataset_id: datasetId };
          const page = await unwrap(
            api.GET("/api/datasets/{dataset_id}/captions", {
              params: { path, query: { start: captions.length, limit: PAGE } },
              signal,
            }),
          );
          captions.push(...page.captions.map(captionOf));
          if (page.captions.length < PAGE || captions.length >= page.num_matching) {
            const before = client.getQueryData<Book>(queryKey);
            if (before !== undefined && before.revision > page.captions_revision) return before;
            const about = {
              revision: page.captions_revision,
              trigger: page.trigger,
              numToUndo: page.num_to_undo,
              numToRedo: page.num_to_redo,
            };
            return bookOf(about, captions, before);
          }
        }
      },
      structuralSharing: false,
      staleTime: 30_000,
    }),
  /** What is known about the tags of the set: categories and translations. Counts are the book's own. */
  known: (datasetId: string) =>
    queryOptions({
      queryKey: keyOf(datasetId, "known"),
      queryFn: async ({ client, queryKey }): Promise<ReadonlyMap<string, KnownTag>> => {
        const union = await unwrap(api.GET("/api/datasets/{dataset_id}/captions/union", at(datasetId)));
        // What was known stays known: a tag that was deleted may be brought back.
        const before = client.getQueryData<ReadonlyMap<string, KnownTag>>(queryKey) ?? NOTHING_KNOWN;
        const isSame = (tag: KnownTag, old: KnownTag | undefined) =>
          old?.translation === tag.translation && old.category === tag.category && old.shown === tag.shown;
        const news = union.tags.filter((tag) => !isSame(tag, before.get(tag.key)));
        return news.length === 0 ? before : new Map([...before, ...news.map((tag) => [tag.key, tag] as const)]);
      },
      structuralSharing: false,
      staleTime: 60_000,
    }),
  matching: (datasetId: string, filter: string) =>
    queryOptions({
      queryKey: keyOf(datasetId, "matching", filter),
      queryFn: () =>
        unwrap(
          api.GET("/api/datasets/{dataset_id}/captions/matching", {
            params: { path: { dataset_id: datasetId }, query: { filter } },
          }),
        ),
      enabled: filter !== "",
      placeholderData: keepPreviousData,
      // The pictures stay while their captions are changed; people filter anew when they want to.
      staleTime: Infinity,
      refetchOnWindowFocus: false,
    }),
  history: (datasetId: string) =>
    queryOptions({
      queryKey: keyOf(datasetId, "history"),
      queryFn: () =>
        unwrap(
          api.GET("/api/datasets/{dataset_id}/captions/edits", {
            params: { path: { dataset_id: datasetId }, query: { limit: 100 } },
          }),
        ),
      staleTime: 0,
    }),
  advice: (datasetId: string, level: Level, revision: number) =>
    queryOptions({
      queryKey: keyOf(datasetId, "advice", level, revision),
      queryFn: () =>
        unwrap(
          api.GET("/api/datasets/{dataset_id}/captions/advice", {
            params: { path: { dataset_id: datasetId }, query: { level } },
          }),
        ),
      placeholderData: keepPreviousData,
    }),
  tokens: (text: string, limit: TokenLimit) =>
    queryOptions({
      queryKey: ["captions", "tokens", text, limit],
      queryFn: () => unwrap(api.POST("/api/tags/tokens", { body: { text, limit } })),
      placeholderData: keepPreviousData,
      staleTime: Infinity,
      gcTime: 60_000,
    }),
  fed: (datasetId: string, revision: number, body: components["schemas"]["FedToShow"]) =>
    queryOptions({
      queryKey: keyOf(datasetId, "fed", revision, body),
      queryFn: () => unwrap(api.POST("/api/datasets/{dataset_id}/captions/fed", { ...at(datasetId), body })),
      placeholderData: keepPreviousData,
    }),
  complete: (datasetId: string, typed: string) =>
    queryOptions({
      queryKey: ["captions", "complete", datasetId, typed],
      queryFn: ({ signal }) =>
        unwrap(
          api.GET("/api/tags/complete", {
            params: { query: { typed, dataset_id: datasetId, limit: 20 } },
            signal,
          }),
        ),
      enabled: typed !== "",
      placeholderData: keepPreviousData,
      staleTime: 30_000,
      gcTime: 60_000,
    }),
  vocabularies: () =>
    queryOptions({
      queryKey: ["captions", "vocabularies"],
      queryFn: () => unwrap(api.GET("/api/vocabularies")),
    }),
  /** What a command would change; nothing is kept. */
  dryRun: (
    datasetId: string,
    revision: number,
    command: Command | null,
    ids: readonly string[] | null,
    withCaptions: boolean,
  ) =>
    queryOptions({
      queryKey: keyOf(datasetId, "dry-run", revision, command, ids, withCaptions),
      queryFn: ({ signal }) => {
        if (command === null) throw new Error("There is no command to try.");
        return unwrap(
          api.POST("/api/datasets/{dataset_id}/captions/edits", {
            ...at(datasetId),
            body: { ...bodyOf(command, ids), dry_run: true, with_captions: withCaptions },
            signal,
          }),
        );
      },
      enabled: command !== null,
      retry: false,
      gcTime: 10_000,
    }),
};

function bodyOf(command: Command, ids: readonly string[] | null) {
  return { command, picture_ids: ids === null ? null : [...ids], filter: "", dry_run: false, with_captions: true };
}

/** Carries a command out on the captions as they are confirmed. */
export async function sendEdit(
  client: QueryClient,
  datasetId: string,
  command: Command,
  ids: readonly string[] | null,
) {
  const key = captionQueries.book(datasetId).queryKey;
  await client.cancelQueries({ queryKey: key });
  const revision = client.getQueryData<Book>(key)?.revision;
  return unwrap(
    api.POST("/api/datasets/{dataset_id}/captions/edits", {
      ...at(datasetId),
      body: { ...bodyOf(command, ids), expected_revision: revision ?? null },
    }),
  );
}

export function sendUndo(datasetId: string, isRedo: boolean) {
  return isRedo
    ? unwrap(api.POST("/api/datasets/{dataset_id}/captions/redo", at(datasetId)))
    : unwrap(api.POST("/api/datasets/{dataset_id}/captions/undo", at(datasetId)));
}

/** What else shows captions is read anew when it is looked at next, and not while one types here. */
export function markOthersStale(client: QueryClient, datasetId: string, revision: number): void {
  client.setQueryData(datasetQueries.detail(datasetId).queryKey, (dataset) =>
    dataset === undefined ? undefined : { ...dataset, captions_revision: revision },
  );
  void client.invalidateQueries({ queryKey: datasetQueries.pictures(datasetId).queryKey, refetchType: "none" });
  void client.invalidateQueries({ queryKey: keyOf(datasetId, "history") });
}

/** What is known about the tags of the set; asked again when one comes that was not there before. */
export function useKnownTags(datasetId: string, book: Book | undefined): ReadonlyMap<string, KnownTag> {
  const answer = useQuery(captionQueries.known(datasetId));
  const { data: known, isFetching, refetch } = answer;
  const asked = useRef(-1);
  useEffect(() => {
    if (book === undefined || known === undefined || isFetching || asked.current === book.revision) return;
    if ([...book.counts.keys()].every((key) => known.has(key))) return;
    asked.current = book.revision;
    void refetch();
  }, [book, isFetching, known, refetch]);
  return known ?? NOTHING_KNOWN;
}

export function useImportVocabulary() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (file: File) => {
      const form = new FormData();
      form.append("file", file, file.name);
      return sendForm<components["schemas"]["ImportedShown"]>("/api/vocabularies", form);
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ["captions"] }),
  });
}

export function useDeleteVocabulary() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (vocabulary_id: string) =>
      unwrap(api.DELETE("/api/vocabularies/{vocabulary_id}", { params: { path: { vocabulary_id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["captions"] }),
  });
}
