import { MenuSvg, type LabIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import type { Menu } from '@lumino/widgets';
import { useCallback, useEffect, useRef } from 'react';

/** An item of a menu; `null` draws a line. */
export type MenuEntry = {
  label: string;
  icon?: LabIcon;
  isEnabled?: boolean;
  execute: () => unknown;
} | null;

/** Opens a menu at a place of the window. */
export type OpenMenu = (entries: readonly MenuEntry[], x: number, y: number) => void;

/** Return what opens a menu: Lumino's, with its keyboard. The focus comes back to where it was. */
export function useMenu(): OpenMenu {
  const menu = useRef<Menu | null>(null);
  useEffect(() => () => menu.current?.dispose(), []);
  return useCallback((entries, x, y) => {
    const before = document.activeElement as HTMLElement | null;
    menu.current?.dispose();
    menu.current = makeMenu(entries);
    menu.current.aboutToClose.connect(() => before?.focus({ preventScroll: true }));
    menu.current.open(x, y);
    menu.current.activateNextItem();
  }, []);
}

function makeMenu(entries: readonly MenuEntry[]): Menu {
  const commands = new CommandRegistry();
  const menu = new MenuSvg({ commands });
  menu.addClass('jp-mltrain-Menu');
  entries.forEach((entry, index) => {
    if (!entry) {
      menu.addItem({ type: 'separator' });
      return;
    }
    const { label, icon, isEnabled = true, execute } = entry;
    const command = `item-${index}`;
    commands.addCommand(command, { label, icon, isEnabled: () => isEnabled, execute });
    menu.addItem({ command });
  });
  return menu;
}
