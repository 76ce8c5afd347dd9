/** The "?" sheet: exactly the keys that work on this page. */
import { Group, Kbd, Modal, Table } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { type Action, IS_MAC, shownKeys } from "./actions";

export interface KeySheetProps {
  readonly actions: readonly Pick<Action, "id" | "text" | "keys">[];
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

export function KeySheet({ actions, isOpen, onClose }: KeySheetProps) {
  const { t } = useTranslation("ui");
  const text = useTranslation().t;
  return (
    <Modal opened={isOpen} onClose={onClose} title={t("keys.title")} closeButtonProps={{ "aria-label": t("close") }}>
      <Table verticalSpacing="xs">
        <Table.Tbody>
          {actions.map((action) => (
            <Table.Tr key={action.id}>
              <Table.Td ps={0}>{text(action.text)}</Table.Td>
              <Table.Td pe={0}>
                <Group gap={4} justify="flex-end" wrap={action.keys.length > 2 ? "nowrap" : "wrap"}>
                  {action.keys.map((keys) => (
                    <Kbd key={keys} style={{ whiteSpace: "nowrap" }}>
                      {shownKeys(keys, IS_MAC)}
                    </Kbd>
                  ))}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
