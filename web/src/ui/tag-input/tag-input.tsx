/** A box to type tags into, with suggestions; never acts on the Enter of a Japanese conversion. */
import { Combobox, Group, Text, TextInput, useCombobox } from "@mantine/core";
import { useState } from "react";

import { splitTags } from "@/lib/tags";
import { isConverting } from "@/lib/typing";

export interface TagSuggestion {
  readonly tag: string;
  readonly note: string;
}

export interface TagInputProps {
  readonly label: string;
  readonly placeholder?: string;
  readonly suggestions: readonly TagSuggestion[];
  readonly onType: (text: string) => void;
  readonly onTags: (tags: readonly string[]) => void;
}

export function TagInput({ label, placeholder, suggestions, onType, onTags }: TagInputProps) {
  const [text, setText] = useState("");
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const take = (tags: readonly string[]) => {
    if (tags.length > 0) onTags(tags);
    setText("");
    onType("");
    combobox.closeDropdown();
  };
  const handleText = (typed: string) => {
    setText(typed);
    const last =
      typed
        .split(/[,、，]/)
        .at(-1)
        ?.trim() ?? "";
    onType(last);
    if (last === "") combobox.closeDropdown();
    else combobox.openDropdown();
  };
  return (
    <Combobox store={combobox} onOptionSubmit={(tag) => take([...splitTags(text).slice(0, -1), tag])} withinPortal>
      <Combobox.Target>
        <TextInput
          aria-label={label}
          placeholder={placeholder ?? label}
          value={text}
          onChange={(event) => handleText(event.currentTarget.value)}
          onBlur={() => combobox.closeDropdown()}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || isConverting(event)) return;
            if (combobox.dropdownOpened && combobox.getSelectedOptionIndex() >= 0) return; // the list takes it
            event.preventDefault();
            take(splitTags(text));
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={suggestions.length === 0}>
        <Combobox.Options aria-label={label} mah={280} style={{ overflowY: "auto" }}>
          {suggestions.map((one) => (
            <Combobox.Option key={one.tag} value={one.tag}>
              <Group justify="space-between" wrap="nowrap">
                <span>{one.tag}</span>
                <Text size="xs" c="dimmed">
                  {one.note}
                </Text>
              </Group>
            </Combobox.Option>
          ))}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
