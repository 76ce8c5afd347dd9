/** Uploads into this dataset from before a reload. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { abandonUpload, unfinishedUploads } from "@/api/resumable";
import { noticeDone, noticeFailure } from "@/ui/feedback/notices";
import { UnfinishedPanel } from "@/ui/upload-queue/unfinished-panel";
import { useUploads } from "@/ui/upload-queue/upload-panel";

import { datasetLine, importUploads, targetOf } from "../sending";

export function UnfinishedUploads({ datasetId }: { readonly datasetId: string }) {
  const client = useQueryClient();
  const isSending = useUploads(datasetLine(client, datasetId)).length > 0;
  const query = unfinishedUploads(targetOf(datasetId));
  const unfinished = useQuery({ ...query, enabled: !isSending }).data ?? [];
  const [takenId, setTakenId] = useState<string | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: query.queryKey });
  const handleTake = (id: string) => {
    setTakenId(id);
    importUploads(client, datasetId, [id])
      .then((sent) => noticeDone(sent.note ?? sent.refused ?? ""))
      .catch(noticeFailure)
      .finally(() => {
        setTakenId(null);
        void refresh();
        void client.invalidateQueries({ queryKey: ["datasets", datasetId] });
      });
  };
  if (isSending) return null;
  return (
    <UnfinishedPanel
      uploads={unfinished}
      takenId={takenId}
      onTake={handleTake}
      onForget={(id) => void abandonUpload(id).then(refresh, noticeFailure)}
    />
  );
}
