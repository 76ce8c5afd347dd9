/** Asked before somebody's training or drawing is cancelled. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { noticeDone } from "@/ui/feedback/notices";
import { ProblemNotice } from "@/ui/feedback/problem-notice";

import type { JobSeen } from "../model/queue";
import { useCancelJob } from "../queries";

export interface CancelJobProps {
  readonly job: JobSeen;
  /** Whose it is, and of what kind. */
  readonly words: string;
  readonly onClose: () => void;
}

export function CancelJob({ job, words, onClose }: CancelJobProps) {
  const { t } = useTranslation("admin");
  const ui = useTranslation("ui").t;
  const cancel = useCancelJob();
  const handleGo = () =>
    cancel.mutate(job.id, {
      onSuccess: () => {
        noticeDone(t("queue.cancelled", { job: words }));
        onClose();
      },
    });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("queue.cancelOf", { job: words })}
      closeButtonProps={{ "aria-label": ui("close") }}
    >
      <Stack>
        {cancel.isError && <ProblemNotice error={cancel.error} />}
        <Text size="sm">{t(job.kind === "train_run" ? "queue.cancelTraining" : "queue.cancelDrawing")}</Text>
        <Group justify="end">
          <Button variant="default" onClick={onClose}>
            {t("queue.keep")}
          </Button>
          <Button color="shu" loading={cancel.isPending} onClick={handleGo}>
            {t("queue.cancel")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
