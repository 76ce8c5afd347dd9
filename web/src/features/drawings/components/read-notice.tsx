/** What a picture's text brought into the form, and what of it could not be taken over (I4). */
import { Alert, List, Text } from "@mantine/core";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { FormRead } from "../queries";

export interface ReadNoticeProps {
  readonly read: FormRead;
  readonly fileName: string;
  readonly onClose: () => void;
}

export function ReadNotice({ read, fileName, onClose }: ReadNoticeProps) {
  const { t } = useTranslation("drawings");
  const ui = useTranslation("ui").t;
  const others = Object.entries(read.others);
  const isWhole = read.notes.length === 0 && others.length === 0;
  return (
    <Alert
      color={isWhole ? "rokusho" : "odo"}
      icon={isWhole ? <IconCheck stroke={1.5} /> : <IconAlertTriangle stroke={1.5} />}
      title={t("read.done", { name: fileName })}
      withCloseButton
      closeButtonLabel={ui("close")}
      onClose={onClose}
      role="status"
    >
      {isWhole ? (
        <Text size="sm">{t("read.whole")}</Text>
      ) : (
        <>
          <Text size="sm">{t("read.left")}</Text>
          <List size="sm" mt={4}>
            {read.notes.map((note) => (
              <List.Item key={note}>{note}</List.Item>
            ))}
            {others.length > 0 && (
              <List.Item>
                {t("read.others")} {others.map(([name, value]) => `${name}: ${value}`).join(", ")}
              </List.Item>
            )}
          </List>
        </>
      )}
    </Alert>
  );
}
