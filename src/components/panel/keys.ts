/** Ways to another row. */
export type Move = 'next' | 'previous' | 'first' | 'last' | 'page-down' | 'page-up';

/** What a key asks for in the list. */
export type Intent =
  | { type: 'go'; to: Move; extend: boolean }
  | { type: 'toggle' | 'select-all' | 'select-none' | 'open' | 'delete' | 'menu' | 'into-row' | 'type' };

/** The part of a keyboard event that counts. */
export interface IKey {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

const MOVES: Readonly<Record<string, Move>> = {
  ArrowDown: 'next',
  ArrowUp: 'previous',
  Home: 'first',
  End: 'last',
  PageDown: 'page-down',
  PageUp: 'page-up'
};

const PLAIN: Readonly<Record<string, Exclude<Intent['type'], 'go'>>> = {
  ' ': 'toggle',
  Enter: 'open',
  Delete: 'delete',
  Escape: 'select-none',
  ContextMenu: 'menu',
  ArrowRight: 'into-row'
};

/** Return what a key on a row asks for; null: nothing of the list's. */
export function intentOf({ key, shiftKey, ctrlKey, metaKey, altKey }: IKey): Intent | null {
  const command = ctrlKey || metaKey;
  if (altKey) {
    return null;
  }
  if (command) {
    return key.toLowerCase() === 'a' ? { type: 'select-all' } : null;
  }
  if (key in MOVES) {
    return { type: 'go', to: MOVES[key], extend: shiftKey };
  }
  if (key === 'F10' && shiftKey) {
    return { type: 'menu' };
  }
  if (key in PLAIN) {
    return { type: PLAIN[key] };
  }
  return key.length === 1 ? { type: 'type' } : null;
}
