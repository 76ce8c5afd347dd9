/** Bring a base model: a file from one's machine, a name on the hub, or a path of the studio's machine (C3). */
import { Button, Collapse, Group, Stack, TextInput } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { abandonUpload, unfinishedUploads } from "@/api/resumable";
import { accountQueries } from "@/features/accounts/public";
import { DropZone } from "@/ui/drop-zone/drop-zone";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { UnfinishedPanel } from "@/ui/upload-queue/unfinished-panel";
import { UploadPanel, useUploads } from "@/ui/upload-queue/upload-panel";

import { useRegisterBaseModel } from "../queries";
import { baseModelLine, registerUpload, TARGET } from "../sending";

export function BaseModelAdding() {
  const { t } = useTranslation("base_models");
  const client = useQueryClient();
  const line = baseModelLine(client);
  const isAdmin = useQuery(accountQueries.me()).data?.account.is_admin === true;
  const [isOpen, setIsOpen] = useState(false);
  const [isElsewhere, setIsElsewhere] = useState(false);
  const handleFiles = (files: readonly File[]) =>
    line.add(files.map((file) => ({ name: file.name, sizeBytes: file.size, files: [{ file, path: file.name }] })));
  return (
    <Stack gap="sm">
      <Button
        variant="light"
        leftSection={<IconPlus size={18} stroke={1.5} aria-hidden />}
        aria-expanded={isOpen}
        style={{ alignSelf: "start" }}
        onClick={() => setIsOpen(!isOpen)}
      >
        {t("adding.title")}
      </Button>
      <UploadPanel line={line} />
      <Unfinished />
      <Collapse expanded={isOpen}>
        <Stack gap="sm">
          <DropZone
            title={t("adding.drop")}
            text={t("adding.text")}
            accept=".safetensors,.zip,.ckpt,.pt"
            onFiles={handleFiles}
          />
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            aria-expanded={isElsewhere}
            style={{ alignSelf: "start" }}
            onClick={() => setIsElsewhere(!isElsewhere)}
          >
            {t("adding.elsewhere")}
          </Button>
          <Collapse expanded={isElsewhere}>
            <Stack gap="sm">
              <OnePlace label={t("adding.hub")} help={t("adding.hubHelp")} place={(hub) => ({ hub })} />
              {isAdmin && (
                <OnePlace label={t("adding.path")} help={t("adding.pathHelp")} place={(path) => ({ path })} />
              )}
            </Stack>
          </Collapse>
        </Stack>
      </Collapse>
    </Stack>
  );
}

interface OnePlaceProps {
  readonly label: string;
  readonly help: string;
  readonly place: (typed: string) => { readonly hub: string } | { readonly path: string };
}

function OnePlace({ label, help, place }: OnePlaceProps) {
  const { t } = useTranslation("base_models");
  const [typed, setTyped] = useState("");
  const register = useRegisterBaseModel();
  const handleSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    register.mutate(place(typed.trim()), {
      onSuccess: (model) => {
        setTyped("");
        noticeDone(t("file.registered", { name: model.name }));
      },
      onError: noticeFailure,
    });
  };
  return (
    <form onSubmit={handleSubmit}>
      <Group align="end" wrap="nowrap">
        <TextInput
          flex={1}
          label={label}
          description={help}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" disabled={typed.trim() === ""} loading={register.isPending}>
          {t("adding.add")}
        </Button>
      </Group>
    </form>
  );
}

/** From before a reload. */
function Unfinished() {
  const client = useQueryClient();
  const isSending = useUploads(baseModelLine(client)).length > 0;
  const query = unfinishedUploads(TARGET);
  const uploads = useQuery({ ...query, enabled: !isSending }).data ?? [];
  const [takenId, setTakenId] = useState<string | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: query.queryKey });
  const handleTake = (id: string) => {
    setTakenId(id);
    registerUpload(client, id, uploads.find((one) => one.id === id)?.name ?? "")
      .then((sent) => noticeDone(sent.note ?? sent.refused ?? ""), noticeFailure)
      .finally(() => {
        setTakenId(null);
        void refresh();
      });
  };
  if (isSending) return null;
  return (
    <UnfinishedPanel
      uploads={uploads}
      takenId={takenId}
      onTake={handleTake}
      onForget={(id) => void abandonUpload(id).then(refresh, noticeFailure)}
    />
  );
}
