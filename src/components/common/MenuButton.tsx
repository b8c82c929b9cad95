import { ellipsesIcon, type LabIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';
import { useEffect, useRef, useState } from 'react';

/** A button that opens a menu of commands: Lumino's menu, with its keyboard and its focus. */
export function MenuButton(props: {
  commands: CommandRegistry;
  items: readonly Menu.IItemOptions[];
  label: string;
  icon?: LabIcon;
}): JSX.Element {
  const { commands, items, label, icon: Icon = ellipsesIcon } = props;
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<Menu | null>(null);
  const [isOpen, setOpen] = useState(false);

  useEffect(() => () => menu.current?.dispose(), []);

  const open = (): void => {
    menu.current?.dispose();
    menu.current = new Menu({ commands });
    items.forEach(item => menu.current!.addItem(item));
    menu.current.aboutToClose.connect(() => {
      setOpen(false);
      button.current?.focus();
    });
    const { left, bottom } = button.current!.getBoundingClientRect();
    menu.current.open(left, bottom);
    setOpen(true);
  };

  return (
    <button
      ref={button}
      type="button"
      className="jp-mltrain-IconButton"
      title={label}
      aria-label={label}
      aria-haspopup="menu"
      aria-expanded={isOpen}
      onClick={open}
    >
      <Icon.react tag="span" aria-hidden="true" width="16px" height="16px" />
    </button>
  );
}
