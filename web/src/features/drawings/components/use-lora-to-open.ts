/** Opens the form for the LoRA that the address names (I1): alone, with its trigger, on a base model that it fits (C5). */
import { useQuery } from "@tanstack/react-query";
import { type Dispatch, useEffect } from "react";

import { type Lora, loraQueries } from "@/features/loras/public";
import { noticeFailure } from "@/ui/feedback/notices";

import type { FormStep } from "../model/form";

export function useLoraToOpen(
  loraId: string | undefined,
  current: string,
  loras: readonly Lora[],
  dispatch: Dispatch<FormStep>,
  onTaken: () => void,
): void {
  const isAsked = loraId !== undefined;
  const lora = useQuery({ ...loraQueries.detail(loraId ?? ""), enabled: isAsked, retry: false });
  const fitting = useQuery({ ...loraQueries.baseModels(loraId ?? ""), enabled: isAsked, retry: false });
  useEffect(() => {
    if (!isAsked) return;
    if (lora.isError || fitting.isError) {
      noticeFailure(lora.error ?? fitting.error);
      onTaken();
      return;
    }
    if (lora.data === undefined || fitting.data === undefined) return;
    const trainedOn = fitting.data.find((one) => one.name === lora.data.base_model_name);
    const kept = fitting.data.find((one) => one.id === current || one.name === current);
    const chosen = trainedOn ?? kept ?? fitting.data[0];
    dispatch({ type: "only", lora: lora.data, others: loras, baseModel: chosen?.id ?? current });
    onTaken();
  }, [
    isAsked,
    lora.data,
    lora.isError,
    lora.error,
    fitting.data,
    fitting.isError,
    fitting.error,
    current,
    loras,
    dispatch,
    onTaken,
  ]);
}
