/** A menu that is open when it is first drawn: its button takes the place, and the focus, of the one that was pressed. */
import { ActionIcon, Menu } from "@mantine/core";
import { type ReactNode, useEffect, useRef, useState } from "react";

import type { MenuLook } from "./late-menu";

export interface OpenedMenuProps extends MenuLook {
  readonly children: ReactNode;
}

export function OpenedMenu({ label, icon, children, ...rest }: OpenedMenuProps) {
  const button = useRef<HTMLButtonElement>(null);
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => {
    button.current?.focus();
    button.current?.click();
  }, []);
  return (
    <Menu position="bottom-end" opened={isOpen} onChange={setIsOpen}>
      <Menu.Target>
        <ActionIcon ref={button} size={36} aria-label={label} {...rest}>
          {icon}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  );
}
