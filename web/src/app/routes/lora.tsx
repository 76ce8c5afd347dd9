/** One LoRA of the library. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import { LoraDetail } from "@/features/loras/components/lora-detail";
import { loraQueries } from "@/features/loras/queries";

import { useTitle } from "../shell/use-title";

export function LoraPage() {
  const { loraId } = useParams({ from: "/loras/$loraId" });
  useTitle(useSuspenseQuery(loraQueries.detail(loraId)).data.name);
  return <LoraDetail id={loraId} />;
}
