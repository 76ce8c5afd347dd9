import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { startTexts } from "@/app/i18n"; // texts are the app's to bring; tests may ask for them

import type { OptionField, OptionProblem, OptionValues } from "./option-fields";
import { OptionForm } from "./option-form";

const base = {
  kind: "",
  mayBeUnset: false,
  choices: [],
  default: null,
  low: null,
  high: null,
  step: null,
  lowIsOpen: false,
  highIsOpen: false,
  isAdvanced: false,
} as const;
const fields: OptionField[] = [
  { ...base, path: "training.epochs", type: "int", default: 10, low: 1, high: 1000 },
  { ...base, path: "pictures.flip", type: "bool", default: false },
  { ...base, path: "schedule.kind", kind: "cosine", type: "text", default: "cosine", choices: ["cosine"] },
  { ...base, path: "schedule.warmup_percent", kind: "cosine", type: "float", default: 0 },
  { ...base, path: "network_weights", type: "text", default: "", isAdvanced: true },
  { ...base, path: "schedule.kind", kind: "constant", type: "text", default: "constant", choices: ["constant"] },
];
const texts = {
  label: (path: string) => path,
  help: () => "",
  choice: (_: string, choice: string) => choice,
  group: (name: string) => name,
};

function show(values: OptionValues, problems: OptionProblem[] = []) {
  const onChange = vi.fn();
  render(
    <MantineProvider env="test">
      <OptionForm fields={fields} values={values} problems={problems} texts={texts} onChange={onChange} />
    </MantineProvider>,
  );
  return onChange;
}

describe("option form", () => {
  beforeAll(() => startTexts("en"));

  it("tells a number at once when it is whole", async () => {
    const onChange = show({});
    const input = screen.getByLabelText("training.epochs");
    await userEvent.clear(input);
    await userEvent.type(input, "7");
    expect(onChange).toHaveBeenLastCalledWith({ training: { epochs: 7 } });
  });
  it("says what stands against a value beside its field, and mends it with one press", async () => {
    const problem = {
      path: "training.epochs",
      message: "0 is out of range.",
      cure: "Give 1 to 1000.",
      fix: { "training.epochs": 1 },
    };
    const onChange = show({ training: { epochs: 0 } }, [problem]);
    expect(screen.getByLabelText("training.epochs")).toHaveAccessibleDescription(/0 is out of range/);
    await userEvent.click(screen.getByRole("button", { name: "Fix it" }));
    expect(onChange).toHaveBeenLastCalledWith({ training: { epochs: 1 } });
  });
  it("offers every kind of a section, and hides the fields of the others", () => {
    show({ schedule: { kind: "constant" } });
    expect(screen.queryByLabelText("schedule.warmup_percent")).toBeNull();
    expect(screen.getByRole("combobox", { name: "schedule.kind" })).toHaveValue("constant");
  });
  it("goes back to the default", async () => {
    const onChange = show({ training: { epochs: 7 } });
    await userEvent.click(screen.getByRole("button", { name: "training.epochs: Back to the default" }));
    expect(onChange).toHaveBeenLastCalledWith({});
  });

  it("opens the advanced fields of no section when one of them has a problem", () => {
    show({}, [{ path: "network_weights", message: "No such LoRA.", cure: "" }]);
    expect(screen.getByText("No such LoRA.")).toBeInTheDocument();
    expect(screen.getByRole("button", { expanded: true })).toBeInTheDocument();
  });
});
