/** A button with a menu whose code comes when the button is first pressed, or the page is idle. */
import { ActionIcon } from "@mantine/core";
import { type ComponentType, type ReactNode, useState } from "react";

import { whenIdle } from "@/lib/idle";
import { noticeFailure } from "@/ui/feedback/notices";

export interface MenuLook {
  readonly label: string;
  readonly icon: ReactNode;
  readonly visibleFrom?: "xs";
}

export interface LateMenuProps extends MenuLook {
  /** Brings what stands in the menu. */
  readonly load: () => Promise<ComponentType>;
}

interface Loaded {
  readonly Menu: ComponentType<MenuLook & { readonly children: ReactNode }>;
  readonly Entries: ComponentType;
}

const loadMenu = () => import("./opened-menu");
whenIdle(loadMenu);

export function LateMenu({ load, ...look }: LateMenuProps) {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const fetchAll = () => Promise.all([loadMenu(), load()]);
  if (loaded !== null)
    return (
      <loaded.Menu {...look}>
        <loaded.Entries />
      </loaded.Menu>
    );
  const { label, icon, ...rest } = look;
  return (
    <ActionIcon
      size={36}
      aria-label={label}
      aria-haspopup="menu"
      aria-expanded={false}
      {...rest}
      onPointerEnter={() => void fetchAll().catch(() => undefined)}
      onClick={() =>
        void fetchAll().then(([menu, Entries]) => setLoaded({ Menu: menu.OpenedMenu, Entries }), noticeFailure)
      }
    >
      {icon}
    </ActionIcon>
  );
}
