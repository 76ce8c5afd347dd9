/** A form made of the server's schema: it knows kinds of fields and no option by name. Basic ones first. */
import { Accordion, SimpleGrid, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";

import {
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
  readonly values: OptionValues;
  /** The same with every default, as the server filled it up; empty until it answered. */
  readonly defaults?: OptionValues;
  readonly problems: readonly OptionProblem[];
  readonly texts: OptionTexts;
  readonly onChange: (values: OptionValues) => void;
}

export function OptionForm({ fields, values, defaults = {}, problems, texts, onChange }: OptionFormProps) {
  const { t } = useTranslation("ui");
  const shown = mergedKinds(fieldsThatApply(fields, values, defaults), fields);
  const sections = [...new Set(shown.filter((field) => field.isAdvanced).map(sectionOf))];
  const troubled = sections
    .filter((section) => problems.some((problem) => sectionOf(problem) === section))
    .map((section) => itemOf(section));

  const handleChange = (field: OptionField, value: OptionValue | undefined) => {
    if (field.path.endsWith(".kind") && typeof value === "string")
      onChange(withKind(values, sectionOf(field), value, fields));
    else onChange(withValue(values, field.path, value));
  };
  const handleFix = (fix: Readonly<Record<string, OptionValue>>) => {
    onChange(
      Object.entries(fix).reduce((changed, [path, value]) => withValue(changed, path, value ?? undefined), values),
    );
  };
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
          problems={problemsAt(problems, field.path)}
          onChange={(value) => handleChange(field, value)}
          onFix={handleFix}
        />
      ))}
    </SimpleGrid>
  );
  return (
    <Stack>
      {inputs(shown.filter((field) => !field.isAdvanced))}
      {sections.length > 0 && (
        <Accordion
          multiple
          variant="separated"
          chevronPosition="left"
          aria-label={t("form.advanced")}
          defaultValue={troubled}
        >
          {sections.map((section) => (
            <Accordion.Item key={section} value={itemOf(section)}>
              <Accordion.Control>{`${t("form.advanced")}: ${texts.group(section)}`}</Accordion.Control>
              <Accordion.Panel>
                {inputs(shown.filter((field) => field.isAdvanced && sectionOf(field) === section))}
              </Accordion.Panel>
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
