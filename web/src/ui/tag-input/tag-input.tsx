/**
 * A box to type tags into, with suggestions; never acts on the Enter of a Japanese conversion.
 *
 * Enter takes what is typed, or the suggestion that was walked to; Ctrl+Enter the first suggestion.
 */
import { Combobox, Group, Text, TextInput, useCombobox } from "@mantine/core";
import { type KeyboardEvent, type Ref, useState } from "react";

import { lastTyped, splitTags } from "@/lib/tags";
import { isConverting } from "@/lib/typing";

export interface TagSuggestion {
  readonly tag: string;
  /** A translation, or the alias that was met. */
  readonly meaning?: string;
  readonly note: string;
}

export interface TagInputProps {
  readonly label: string;
  readonly placeholder?: string;
  readonly suggestions: readonly TagSuggestion[];
  readonly onType: (text: string) => void;
  readonly onTags: (tags: readonly string[]) => void;
  /** Ctrl+↑ and Ctrl+↓ go to another picture without leaving the box. */
  readonly onWalk?: (by: 1 | -1) => void;
  readonly fieldRef?: Ref<HTMLInputElement>;
}

export function TagInput({ label, placeholder, suggestions, onType, onTags, onWalk, fieldRef }: TagInputProps) {
  const [text, setText] = useState("");
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const take = (tags: readonly string[]) => {
    if (tags.length > 0) onTags(tags);
    setText("");
    onType("");
    combobox.closeDropdown();
  };
  const takeSuggestion = (tag: string) => {
    const typed = splitTags(text);
    take([...(lastTyped(text) === "" ? typed : typed.slice(0, -1)), tag]);
  };
  const handleText = (typed: string) => {
    setText(typed);
    const last = lastTyped(typed);
    onType(last);
    combobox.resetSelectedOption();
    if (last === "") combobox.closeDropdown();
    else combobox.openDropdown();
  };
  const handleKey = (event: KeyboardEvent) => {
    if (isConverting(event)) return;
    const isMod = event.ctrlKey || event.metaKey;
    if (isMod && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      onWalk?.(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape" && text !== "") {
      event.preventDefault();
      event.stopPropagation();
      handleText("");
    } else if (event.key === "Enter") {
      if (!isMod && combobox.dropdownOpened && combobox.getSelectedOptionIndex() >= 0) return; // the list takes it
      event.preventDefault();
      const first = suggestions[0];
      if (isMod && first !== undefined && text !== "") takeSuggestion(first.tag);
      else take(splitTags(text));
    }
  };
  return (
    <Combobox store={combobox} onOptionSubmit={takeSuggestion} withinPortal>
      <Combobox.Target>
        <TextInput
          ref={fieldRef}
          aria-label={label}
          placeholder={placeholder ?? label}
          value={text}
          onChange={(event) => handleText(event.currentTarget.value)}
          onBlur={() => combobox.closeDropdown()}
          onKeyDown={handleKey}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={suggestions.length === 0}>
        <Combobox.Options aria-label={label} mah={280} style={{ overflowY: "auto" }}>
          {suggestions.map((one) => (
            <Combobox.Option key={one.tag} value={one.tag}>
              <Group justify="space-between" wrap="nowrap" gap="sm">
                <span>
                  {one.tag}
                  {one.meaning !== undefined && one.meaning !== "" && (
                    <Text span size="xs" c="dimmed" ms="xs">
                      {one.meaning}
                    </Text>
                  )}
                </span>
                <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>
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
