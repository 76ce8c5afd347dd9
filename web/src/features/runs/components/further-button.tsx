/** The way to train a LoRA further, wherever one is shown (G7). */
import { Button, type ButtonProps } from "@mantine/core";
import { IconRepeat } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { lazily } from "@/ui/lazily";

import type { TrainFurtherProps } from "./train-further";

const TrainFurther = lazily(async () => (await import("./train-further")).TrainFurther);

export interface FurtherButtonProps extends Omit<TrainFurtherProps, "onClose">, ButtonProps {}

export function FurtherButton({ name, datasetId, recipe, ...button }: FurtherButtonProps) {
  const { t } = useTranslation("runs");
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button
        aria-label={t("further.button", { name })}
        leftSection={<IconRepeat size={16} stroke={1.5} aria-hidden />}
        {...button}
        onClick={() => setIsOpen(true)}
      >
        {t("further.short")}
      </Button>
      {isOpen && <TrainFurther name={name} datasetId={datasetId} recipe={recipe} onClose={() => setIsOpen(false)} />}
    </>
  );
}
