/** One run and what it left. */
import { useParams } from "@tanstack/react-router";
import { useSuspenseQuery } from "@tanstack/react-query";

import { EpochsGrid } from "@/features/loras/components/epochs-grid";
import { EpochTools } from "@/features/loras/components/epoch-tools";
import { ResultGrid } from "@/features/runs/components/result-grid";
import { RunView } from "@/features/runs/components/run-view";
import { runQueries } from "@/features/runs/queries";

import { useTitle } from "../shell/use-title";

export function RunPage() {
  const { runId } = useParams({ from: "/runs/$runId" });
  useTitle(useSuspenseQuery(runQueries.detail(runId)).data.name);
  return (
    <RunView
      id={runId}
      results={
        <ResultGrid
          runId={runId}
          tools={(epoch) => <EpochTools runId={runId} epoch={epoch} />}
          allTools={<EpochsGrid runId={runId} />}
        />
      }
    />
  );
}
