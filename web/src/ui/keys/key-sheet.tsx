/** The "?" sheet: exactly the keys that work on this page. */
import { Kbd, Modal, Table } from "@mantine/core";
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
              <Table.Td>{text(action.text)}</Table.Td>
              <Table.Td ta="end">
                {action.keys.map((keys) => (
                  <Kbd key={keys} ms="xs">
                    {shownKeys(keys, IS_MAC)}
                  </Kbd>
                ))}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
