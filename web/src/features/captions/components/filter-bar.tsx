/** Which pictures are shown: an expression over their tags, with the place of its mistake when it has one (E3). */
import { ActionIcon, Button, Code, Group, Menu, Popover, Stack, Table, Text, TextInput } from "@mantine/core";
import { IconChevronDown, IconHelp, IconX } from "@tabler/icons-react";
import { memo, type Ref, useState } from "react";
import { useTranslation } from "react-i18next";

import { problemOf } from "@/api/problem";
import { isConverting } from "@/lib/typing";

import classes from "./captions.module.css";

const QUICK: readonly { readonly filter: string; readonly text: string }[] = [
  { filter: "caption:none", text: "captions:filter.none" },
  { filter: "tokens>75", text: "captions:filter.long" },
  { filter: "count<5", text: "captions:filter.few" },
  { filter: "problem:any", text: "captions:filter.problem" },
];
const EXAMPLES: readonly { readonly filter: string; readonly text: string }[] = [
  { filter: "smile AND hat", text: "captions:filter.and" },
  { filter: '"black hair" OR "brown hair"', text: "captions:filter.or" },
  { filter: "smile AND NOT hat", text: "captions:filter.not" },
  { filter: "*hair", text: "captions:filter.star" },
  { filter: "count>30", text: "captions:filter.count" },
  { filter: 'text:"in a field"', text: "captions:filter.words" },
  { filter: "name:mame_0*", text: "captions:filter.name" },
];

export interface FilterBarProps {
  readonly filter: string;
  readonly error: unknown;
  readonly fieldRef: Ref<HTMLInputElement>;
  /** The captions were changed since the filter was asked. */
  readonly isOld: boolean;
  readonly onFilter: (filter: string) => void;
  readonly onAgain: () => void;
}

export const FilterBar = memo(function FilterBar({
  filter,
  error,
  fieldRef,
  isOld,
  onFilter,
  onAgain,
}: FilterBarProps) {
  const { t } = useTranslation("captions");
  const [typed, setTyped] = useState(filter);
  const [shown, setShown] = useState(filter);
  if (shown !== filter) {
    setShown(filter);
    setTyped(filter);
  }
  const problem = error === null || error === undefined ? null : problemOf(error);
  return (
    <div className={classes.filter}>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <TextInput
          ref={fieldRef}
          style={{ flex: 1, minWidth: 0 }}
          aria-label={t("filter.label")}
          placeholder={t("filter.placeholder")}
          value={typed}
          error={problem === null ? null : <FilterFault filter={filter} problem={problem} />}
          spellCheck={false}
          autoCapitalize="none"
          autoCorrect="off"
          rightSection={
            typed === "" ? null : (
              <ActionIcon size={28} aria-label={t("filter.clear")} onClick={() => onFilter("")}>
                <IconX size={16} stroke={1.5} />
              </ActionIcon>
            )
          }
          onChange={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (isConverting(event)) return;
            if (event.key === "Enter") onFilter(typed);
            else if (event.key === "Escape") onFilter("");
            else return;
            event.preventDefault();
          }}
        />
        <Button variant="default" visibleFrom="xs" onClick={() => onFilter(typed)}>
          {t("filter.apply")}
        </Button>
        <Menu position="bottom-end">
          <Menu.Target>
            <Button variant="default" px="xs" rightSection={<IconChevronDown size={14} stroke={1.5} aria-hidden />}>
              {t("filter.quick")}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {QUICK.map((one) => (
              <Menu.Item key={one.filter} onClick={() => onFilter(one.filter)}>
                {t(one.text)}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <Popover position="bottom-end" width={360} shadow="md">
          <Popover.Target>
            <ActionIcon size={36} variant="default" aria-label={t("filter.help")}>
              <IconHelp size={18} stroke={1.5} />
            </ActionIcon>
          </Popover.Target>
          <Popover.Dropdown>
            <Stack gap="xs">
              <Table fz="sm">
                <Table.Tbody>
                  {EXAMPLES.map((one) => (
                    <Table.Tr key={one.filter}>
                      <Table.Td>
                        <Code>{one.filter}</Code>
                      </Table.Td>
                      <Table.Td>{t(one.text)}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
              <Text size="xs" c="dimmed">
                {t("filter.rules")}
              </Text>
            </Stack>
          </Popover.Dropdown>
        </Popover>
      </Group>
      {isOld && problem === null && (
        <Group gap="xs" mt={4}>
          <Text size="xs" c="dimmed">
            {t("filter.old")}
          </Text>
          <Button size="compact-xs" variant="light" onClick={onAgain}>
            {t("filter.again")}
          </Button>
        </Group>
      )}
    </div>
  );
});

/** The expression once more, with the place where it cannot be read. */
function FilterFault({
  filter,
  problem,
}: {
  readonly filter: string;
  readonly problem: { readonly message: string; readonly cure: string; readonly position: number | null };
}) {
  const at = problem.position;
  return (
    <>
      {at !== null && (
        <code className={classes.fault}>
          {filter.slice(0, at)}
          <mark>{filter.slice(at) === "" ? "␣" : filter.slice(at)}</mark>
        </code>
      )}
      <span>{`${problem.message} ${problem.cure}`}</span>
    </>
  );
}
