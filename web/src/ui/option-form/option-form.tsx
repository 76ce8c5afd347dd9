/** A form made of the server's schema: it knows kinds of fields and no option by name. Basic ones first. */
import { Accordion, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useCallback, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import {
  fieldsFound,
  fieldsThatApply,
  type OptionField,
  type OptionProblem,
  type OptionValue,
  type OptionValues,
  problemsAt,
  valueAt,
  withKind,
  withValue,
} from "./option-fields";
import { OptionInput } from "./option-input";

export interface OptionTexts {
  readonly label: (path: string) => string;
  readonly help: (path: string) => string;
  readonly choice: (path: string, choice: string) => string;
  readonly group: (section: string) => string;
}

export interface OptionFormProps {
  readonly fields: readonly OptionField[];
  /** Paths that come first, in this order; unless given, all that are not advanced. */
  readonly basics?: readonly string[];
  /** What a person set. */
  readonly values: OptionValues;
  /** What holds, and is gone back to, where nothing is set. */
  readonly suited?: OptionValues;
  /** The same with every default, as the server filled it up; empty until it answered. */
  readonly defaults?: OptionValues;
  readonly problems: readonly OptionProblem[];
  readonly texts: OptionTexts;
  readonly onChange: (values: OptionValues) => void;
  /** Takes a fix; unless given, it is written into the values. */
  readonly onFix?: (fix: Readonly<Record<string, OptionValue>>) => void;
}

export function OptionForm(props: OptionFormProps) {
  const { fields, basics, values, suited = {}, defaults = {}, problems, texts, onChange, onFix } = props;
  const [search, setSearch] = useState("");
  const { t } = useTranslation("ui");
  const shown = mergedKinds(fieldsThatApply(fields, values, defaults), fields);
  const isBasic = (field: OptionField) => (basics === undefined ? !field.isAdvanced : basics.includes(field.path));
  const first =
    basics === undefined
      ? shown.filter(isBasic)
      : basics.flatMap((path) => shown.filter((field) => field.path === path));
  const rest = shown.filter((field) => !isBasic(field));
  const sections = [...new Set(rest.map(sectionOf))];
  const found = fieldsFound(shown, search, texts.label);
  const troubled = sections.filter((section) => problems.some((problem) => sectionOf(problem) === section));

  // Inputs are drawn again only when something of theirs changed; what they call must know today's values all the same.
  const latest = useRef({ values, fields, onChange, onFix });
  useLayoutEffect(() => {
    latest.current = { values, fields, onChange, onFix };
  });
  const handleChange = useCallback((field: OptionField, value: OptionValue | undefined) => {
    const now = latest.current;
    if (field.path.endsWith(".kind") && typeof value === "string")
      now.onChange(withKind(now.values, sectionOf(field), value, now.fields));
    else now.onChange(withValue(now.values, field.path, value));
  }, []);
  const handleFix = useCallback((fix: Readonly<Record<string, OptionValue>>) => {
    const now = latest.current;
    if (now.onFix !== undefined) {
      now.onFix(fix);
      return;
    }
    now.onChange(
      Object.entries(fix).reduce((changed, [path, value]) => withValue(changed, path, value ?? undefined), now.values),
    );
  }, []);
  const inputs = (some: readonly OptionField[]) => (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md" verticalSpacing="sm">
      {some.map((field) => (
        <OptionInput
          key={`${field.kind}:${field.path}`}
          field={field}
          label={texts.label(field.path)}
          help={texts.help(field.path)}
          choiceText={(choice) => texts.choice(field.path, choice)}
          value={valueAt(values, field.path)}
          byDefault={valueAt(defaults, field.path)}
          suited={valueAt(suited, field.path)}
          problems={problemsAt(problems, field.path)}
          onChange={(value) => handleChange(field, value)}
          onFix={handleFix}
        />
      ))}
    </SimpleGrid>
  );
  return (
    <Stack>
      {inputs(first)}
      {sections.length > 0 && (
        <Stack gap="xs">
          <Text fw={600}>{t("form.advanced")}</Text>
          <TextInput
            aria-label={t("form.search")}
            placeholder={t("form.search")}
            leftSection={<IconSearch size={16} stroke={1.5} aria-hidden />}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
          {search.trim() !== "" && (
            <Text size="sm" role="status">
              {t("form.found", { count: found.length })}
            </Text>
          )}
        </Stack>
      )}
      {search.trim() !== ""
        ? inputs(found)
        : sections.length > 0 && (
            <Accordion
              multiple
              variant="separated"
              chevronPosition="left"
              keepMounted={false}
              defaultValue={troubled.map(itemOf)}
            >
              {sections.map((section) => (
                <Accordion.Item key={section} value={itemOf(section)}>
                  <Accordion.Control>{texts.group(section)}</Accordion.Control>
                  <Accordion.Panel>{inputs(rest.filter((field) => sectionOf(field) === section))}</Accordion.Panel>
                </Accordion.Item>
              ))}
            </Accordion>
          )}
    </Stack>
  );
}

function sectionOf(field: { readonly path: string }): string {
  return field.path.includes(".") ? (field.path.split(".")[0] ?? "") : "";
}

/** An accordion takes no empty name: that of the fields of no section. */
function itemOf(section: string): string {
  return section === "" ? "basics" : section;
}

/** A section's kind is one field whose choices are all kinds there are. */
function mergedKinds(shown: readonly OptionField[], all: readonly OptionField[]): OptionField[] {
  return shown.map((field) => {
    if (!field.path.endsWith(".kind")) return field;
    const choices = all.filter((other) => other.path === field.path).flatMap((other) => other.choices);
    return { ...field, kind: "", choices: [...new Set(choices)] };
  });
}
