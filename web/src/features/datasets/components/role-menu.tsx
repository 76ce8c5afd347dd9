/** What selected pictures are for: to be learnt, to keep what the base model knows, or only in part (F28). */
import { Button, Menu } from "@mantine/core";
import { IconMask, IconMasksTheater, IconPhotoCheck, IconPhotoShield } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { noticeDone, noticeFailure } from "@/ui/feedback/notices";

import { type Picture, useRoles } from "../queries";

export interface RoleMenuProps {
  readonly datasetId: string;
  readonly selected: readonly Picture[];
  readonly onMask: (id: string) => void;
}

export function RoleMenu({ datasetId, selected, onMask }: RoleMenuProps) {
  const { t } = useTranslation("datasets");
  const { role } = useRoles(datasetId);
  const learnt = selected.filter((one) => !one.is_regularisation).map((one) => one.id);
  const spared = selected.filter((one) => one.is_regularisation).map((one) => one.id);
  const handleRole = (ids: string[], isRegularisation: boolean) =>
    role.mutate(
      { ids, isRegularisation },
      {
        onSuccess: () =>
          noticeDone(t(isRegularisation ? "role.nowSpared" : "role.nowLearnt", { count: ids.length }), () =>
            role.mutate({ ids, isRegularisation: !isRegularisation }, { onError: noticeFailure }),
          ),
        onError: noticeFailure,
      },
    );
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button
          size="xs"
          variant="default"
          disabled={selected.length === 0}
          loading={role.isPending}
          leftSection={<IconMasksTheater size={16} stroke={1.5} />}
        >
          {t("role.menu")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          disabled={learnt.length === 0}
          leftSection={<IconPhotoShield size={16} stroke={1.5} />}
          onClick={() => handleRole(learnt, true)}
        >
          {t("role.spare")}
        </Menu.Item>
        <Menu.Item
          disabled={spared.length === 0}
          leftSection={<IconPhotoCheck size={16} stroke={1.5} />}
          onClick={() => handleRole(spared, false)}
        >
          {t("role.learn")}
        </Menu.Item>
        <Menu.Item
          disabled={selected.length !== 1}
          leftSection={<IconMask size={16} stroke={1.5} />}
          onClick={() => onMask(selected[0]?.id ?? "")}
        >
          {t("role.mask")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
