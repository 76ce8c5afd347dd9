/** Drawing with LoRAs (B10). */
import { Title } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";

import { DrawingStudio } from "@/features/drawings/components/drawing-studio";

import { useTitle } from "../shell/use-title";

export function DrawingsPage() {
  const { t } = useTranslation("drawings");
  const { lora, grid } = useSearch({ from: "/drawings" });
  const navigate = useNavigate();
  useTitle(t("title"));
  // Once the LoRA is in the form, the address no longer asks for it: a reload would undo what was typed since.
  const handleTaken = useCallback(() => void navigate({ to: "/drawings", search: {}, replace: true }), [navigate]);
  return (
    <>
      <Title order={1} size="h2" mb="md">
        {t("title")}
      </Title>
      <DrawingStudio loraId={lora} gridIds={grid?.split(",")} onLoraTaken={handleTaken} />
    </>
  );
}
