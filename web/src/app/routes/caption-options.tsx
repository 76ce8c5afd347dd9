/** The recipe's own fields about captions, for the panel of what the trainer sees. */
import { useQuery } from "@tanstack/react-query";

import { useOptionTexts } from "@/features/runs/model/option-texts";
import { optionFields, runQueries } from "@/features/runs/queries";
import type { OptionValues } from "@/ui/option-form/option-fields";
import { OptionForm } from "@/ui/option-form/option-form";

const SECTION = "captions.";

export interface CaptionOptionsProps {
  readonly values: OptionValues;
  readonly onChange: (values: OptionValues) => void;
}

export function CaptionOptions({ values, onChange }: CaptionOptionsProps) {
  const schema = useQuery(runQueries.fields()).data ?? [];
  const texts = useOptionTexts(schema);
  const fields = optionFields(schema)
    .filter((field) => field.path.startsWith(SECTION))
    .map((field) => ({ ...field, isAdvanced: false }));
  return <OptionForm fields={fields} values={values} problems={[]} texts={texts} onChange={onChange} />;
}
