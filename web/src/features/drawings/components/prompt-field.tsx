/** The prompt, with the names of the library offered while `<lora:…>` is typed. */
import { Combobox, Group, Text, Textarea, useCombobox } from "@mantine/core";
import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";

import type { Lora } from "@/features/loras/public";
import { isConverting } from "@/lib/typing";

import { completed, type Completion, completionAt, nameKey } from "../model/prompt-loras";
import classes from "./drawing-form.module.css";

const MOST_OFFERED = 8;

export interface PromptFieldProps {
  readonly label: string;
  readonly description: ReactNode;
  readonly placeholder: string;
  readonly value: string;
  /** Those that may be used. */
  readonly loras: readonly Lora[];
  readonly onChange: (value: string) => void;
}

export function PromptField({ label, description, placeholder, value, loras, onChange }: PromptFieldProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [typing, setTyping] = useState<Completion | null>(null);
  const combobox = useCombobox();
  const offered = typing === null ? [] : offeredFor(loras, typing.query);
  const isOpen = offered.length > 0;

  const look = (area: HTMLTextAreaElement) => {
    const found = completionAt(area.value, area.selectionStart);
    setTyping(found);
    if (found === null) combobox.closeDropdown();
    else {
      combobox.openDropdown();
      combobox.selectFirstOption();
    }
  };
  const choose = (id: string) => {
    const area = field.current;
    const lora = loras.find((one) => one.id === id);
    if (area === null || lora === undefined || typing === null) return;
    const weight = lora.preferred_weight > 0 ? lora.preferred_weight : 1;
    const { text, caret } = completed(value, area.selectionStart, typing.start, { name: lora.name, weight });
    onChange(text);
    setTyping(null);
    combobox.closeDropdown();
    requestAnimationFrame(() => {
      area.focus();
      area.setSelectionRange(caret, caret);
    });
  };
  const handleKey = (event: KeyboardEvent) => {
    if (!isOpen || isConverting(event) || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowDown") combobox.selectNextOption();
    else if (event.key === "ArrowUp") combobox.selectPreviousOption();
    else if (event.key === "Enter" || event.key === "Tab") combobox.clickSelectedOption();
    else if (event.key === "Escape") setTyping(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <Combobox store={combobox} onOptionSubmit={choose} position="bottom-start" width={320}>
      <Combobox.Target withKeyboardNavigation={false} autoComplete="off">
        <Textarea
          ref={field}
          label={label}
          description={description}
          placeholder={placeholder}
          autosize
          minRows={4}
          maxRows={14}
          value={value}
          spellCheck={false}
          onChange={(event) => {
            onChange(event.currentTarget.value);
            look(event.currentTarget);
          }}
          onKeyDown={handleKey}
          onClick={(event) => look(event.currentTarget)}
          onBlur={() => setTyping(null)}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={!isOpen}>
        <Combobox.Options>
          {offered.map((lora) => (
            <Combobox.Option key={lora.id} value={lora.id}>
              <Group gap="sm" wrap="nowrap">
                <span className={classes.thumb}>
                  {lora.preview_url !== null && <img src={lora.preview_url} alt="" />}
                </span>
                <span style={{ minWidth: 0 }}>
                  <Text size="sm" fw={600} truncate>
                    {lora.name}
                  </Text>
                  <Text size="xs" c="dimmed" truncate>
                    {lora.trigger}
                  </Text>
                </span>
              </Group>
            </Combobox.Option>
          ))}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}

/** Names that begin so come before those that hold it somewhere. */
function offeredFor(loras: readonly Lora[], query: string): Lora[] {
  const wanted = nameKey(query);
  const matching = loras.filter(
    (lora) => nameKey(lora.name).includes(wanted) || nameKey(lora.trigger).includes(wanted),
  );
  const rank = (lora: Lora) => (nameKey(lora.name).startsWith(wanted) ? 0 : 1);
  return matching.sort((a, b) => rank(a) - rank(b)).slice(0, MOST_OFFERED);
}
